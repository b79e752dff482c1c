import type { TypeBudget } from '../typing/budget.js';

/** Of a WIT text; its types may be written out in many places. */
const MAX_WIT_SIZE = 16 * 1024 * 1024;

/** Lines of WIT, indented by level, with an empty line between items. */
export class WitWriter {
  readonly #lines: string[] = [];
  #level = 0;
  #size = 0;

  constructor(private readonly budget: TypeBudget) {}

  line(text = ''): void {
    const line = text === '' ? '' : `${'  '.repeat(this.#level)}${text}`;
    this.#size += line.length + 1;
    if (this.#size > MAX_WIT_SIZE) {
      this.budget.refuse('type-too-large', `the WIT has more than ${MAX_WIT_SIZE} characters`);
    }
    this.#lines.push(line);
  }

  /** Braces around what is written within. */
  block(head: string, write: () => void): void {
    this.line(`${head} {`);
    this.#level += 1;
    write();
    this.#level -= 1;
    this.line('}');
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}
