/**
 * A line to one chip. `send` takes a command frame without its word address, `receive` gives the
 * response frame that answers the last one; both may be handed anything by a bad line, which the
 * session checks. A transport waits for a busy chip by itself, polling where the line shows it.
 */
export interface Transport {
  send(frame: Uint8Array): Promise<void>;
  /** @throws Atecc608Error `no-response` when the chip stays mute or busy too long */
  receive(): Promise<Uint8Array>;
  /** Reads the same response again, where the line can: word address 00 over I2C. */
  receiveAgain?(): Promise<Uint8Array>;
  wake(): Promise<void>;
  /** TempKey and the SHA state are kept. */
  idle(): Promise<void>;
  /** TempKey and the SHA state are dropped. */
  sleep(): Promise<void>;
}
