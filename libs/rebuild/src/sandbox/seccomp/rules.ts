/**
 * The system calls that no build needs, in either sandbox. What a build would have to be root for
 * is refused all the same: the fewer doors into the kernel, the fewer of them can be broken.
 *
 * Everything else passes, except calls that are newer than this table.
 */

export type Architecture = 'x64' | 'arm64';

/** Name, then the number on x86-64 and on 64-bit ARM; -1 where the call does not exist. */
type SystemCall = readonly [name: string, x64: number, arm64: number];

/** Fail with EPERM, as for want of a privilege. */
export const REFUSED: readonly SystemCall[] = [
  // Namespaces and mounts. `clone` with a flag for a namespace: see CONDITIONS.
  ['unshare', 272, 97],
  ['setns', 308, 268],
  ['mount', 165, 40],
  ['umount2', 166, 39],
  ['pivot_root', 155, 41],
  ['chroot', 161, 51],
  ['open_tree', 428, 428],
  ['move_mount', 429, 429],
  ['fsopen', 430, 430],
  ['fsconfig', 431, 431],
  ['fsmount', 432, 432],
  ['fspick', 433, 433],
  ['mount_setattr', 442, 442],
  // Other processes.
  ['ptrace', 101, 117],
  ['process_vm_readv', 310, 270],
  ['process_vm_writev', 311, 271],
  ['process_madvise', 440, 440],
  ['pidfd_getfd', 438, 438],
  ['kcmp', 312, 272],
  // Keys: the keyring of a user is one for all containers that have the same user id.
  ['keyctl', 250, 219],
  ['add_key', 248, 217],
  ['request_key', 249, 218],
  // Parts of the kernel that were broken through again and again.
  ['bpf', 321, 280],
  ['perf_event_open', 298, 241],
  ['userfaultfd', 323, 282],
  ['fanotify_init', 300, 262],
  ['open_by_handle_at', 304, 265],
  ['name_to_handle_at', 303, 264],
  ['lookup_dcookie', 212, 18],
  // The machine itself.
  ['kexec_load', 246, 104],
  ['kexec_file_load', 320, 294],
  ['init_module', 175, 105],
  ['finit_module', 313, 273],
  ['delete_module', 176, 106],
  ['create_module', 174, -1],
  ['query_module', 178, -1],
  ['get_kernel_syms', 177, -1],
  ['reboot', 169, 142],
  ['swapon', 167, 224],
  ['swapoff', 168, 225],
  ['acct', 163, 89],
  ['syslog', 103, 116],
  ['quotactl', 179, 60],
  ['quotactl_fd', 443, 443],
  ['nfsservctl', 180, 42],
  ['sethostname', 170, 161],
  ['setdomainname', 171, 162],
  ['settimeofday', 164, 170],
  ['clock_settime', 227, 112],
  ['clock_adjtime', 305, 266],
  ['vhangup', 153, 58],
  ['personality', 135, 92],
  ['ioperm', 173, -1],
  ['iopl', 172, -1],
  ['_sysctl', 156, -1],
  ['sysfs', 139, -1],
  ['uselib', 134, -1],
  ['ustat', 136, -1],
  // Where memory lies.
  ['mbind', 237, 235],
  ['set_mempolicy', 238, 237],
  ['set_mempolicy_home_node', 450, 450],
  ['migrate_pages', 256, 238],
  ['move_pages', 279, 239],
];

/** Fail with ENOSYS, as on a kernel without them: programs then take another way. */
export const ABSENT: readonly SystemCall[] = [
  // Its flags lie in memory, where a filter cannot look; libraries fall back to `clone`.
  ['clone3', 435, 435],
  // Calls that pass every filter by.
  ['io_uring_setup', 425, 425],
  ['io_uring_enter', 426, 426],
  ['io_uring_register', 427, 427],
  // Memory that belongs to no process, so that only a memory cgroup would count it.
  ['memfd_create', 319, 279],
  ['memfd_secret', 447, 447],
  ['shmget', 29, 194],
  ['shmat', 30, 196],
  ['shmctl', 31, 195],
  ['shmdt', 67, 197],
  ['msgget', 68, 186],
  ['mq_open', 240, 180],
];

/** Calls newer than this one, Linux 6.10's `mseal`, fail with ENOSYS. */
export const LAST_KNOWN = 462;

/** A call that is refused by the value of one argument, of which the low 32 bits are compared. */
export interface Condition {
  readonly call: SystemCall;
  readonly argument: number;
  /** `any-of`: any of these bits; `one-of`: each of these values; `only`: every other value. */
  readonly test: 'any-of' | 'only' | 'one-of';
  readonly values: readonly number[];
  readonly error: number;
}

export const EPERM = 1;
export const ENOSYS = 38;
const EAFNOSUPPORT = 97;

// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
const NAMESPACES = [
  0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
];
// AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Not AF_VSOCK above all: it reaches the host of a virtual
// machine, whatever the network namespace.
const FAMILIES = [1, 2, 10, 16];

export const CONDITIONS: readonly Condition[] = [
  { call: ['clone', 56, 220], argument: 0, test: 'any-of', values: NAMESPACES, error: EPERM },
  {
    call: ['socket', 41, 198],
    argument: 0,
    test: 'only',
    values: FAMILIES,
    error: EAFNOSUPPORT,
  },
  {
    call: ['socketpair', 53, 199],
    argument: 0,
    test: 'only',
    values: FAMILIES,
    error: EAFNOSUPPORT,
  },
  // TIOCSTI and TIOCLINUX type into the terminal of whoever started the build.
  {
    call: ['ioctl', 16, 29],
    argument: 1,
    test: 'one-of',
    values: [0x5412, 0x541c],
    error: EPERM,
  },
];

export function numberOf([, x64, arm64]: SystemCall, architecture: Architecture): number {
  return architecture === 'x64' ? x64 : arm64;
}

/** @returns undefined where these rules cannot be applied */
export function thisArchitecture(): Architecture | undefined {
  return process.arch === 'x64' || process.arch === 'arm64' ? process.arch : undefined;
}
