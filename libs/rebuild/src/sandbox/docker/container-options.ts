import type Docker from 'dockerode';
import { firstCpus } from '../cpus.js';
import type { SandboxRun } from '../executor.js';
import type { SandboxLimits } from '../sandbox-limits.js';
import { OWNER_LABEL, thisOwner } from './container-owner.js';
import { INIT_PATH } from './init-program.js';
import { seccompProfile } from './seccomp-profile.js';

/** On containers: the machine and the folder of the workspace that they work on. */
export const HOST_LABEL = 'dev.touchstone.host';
export const WORKSPACE_LABEL = 'dev.touchstone.workspace';

/** Room above what a build may take, so that it is seen to have taken more. */
const BYTES_ABOVE = 1024 * 1024;
const ENTRIES_ABOVE = 64;
const TASKS_ABOVE = 64;

export interface ContainerPlan {
  readonly run: SandboxRun;
  readonly limits: SandboxLimits;
  readonly image: string;
  readonly user: string;
  readonly mountPoint: string;
  /** Of this machine. */
  readonly host: string;
}

/** Everything that cuts a container off and bounds it; the engine's defaults are relied on nowhere. */
export function containerOptions(plan: ContainerPlan): Docker.ContainerCreateOptions {
  const { run, limits, image, user, host } = plan;
  return {
    Image: image,
    Entrypoint: [`/${INIT_PATH}`],
    User: user,
    Hostname: run.hostname ?? 'touchstone',
    Labels: {
      ...{ [HOST_LABEL]: host, [OWNER_LABEL]: thisOwner() },
      [WORKSPACE_LABEL]: run.workspace,
    },
    NetworkDisabled: true,
    // The first process lives as long as we hold its standard input.
    ...{ OpenStdin: true, StdinOnce: true, AttachStdin: true },
    HostConfig: { ...isolation(), ...bounds(plan), ...storage(plan, limits) },
  };
}

function isolation(): Docker.HostConfig & { CgroupnsMode: 'private' } {
  return {
    NetworkMode: 'none',
    // Else the engine would write the machine's own name servers into the container.
    Dns: ['127.0.0.1'],
    DnsSearch: ['.'],
    IpcMode: 'none',
    CgroupnsMode: 'private',
    Privileged: false,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges', `seccomp=${seccompProfile()}`],
    ReadonlyRootfs: true,
    LogConfig: { Type: 'none', Config: {} },
    AutoRemove: true,
  };
}

function bounds({ run, limits }: ContainerPlan): Docker.HostConfig {
  // What lies in file systems in memory counts as memory; the build's own is watched besides.
  const memory = limits.memoryBytes + limits.workspaceBytes + limits.temporaryBytes + BYTES_ABOVE;
  const ulimit = (Name: string, Soft: number, Hard = Soft): Docker.Ulimit => ({ Name, Soft, Hard });
  return {
    Memory: memory,
    MemorySwap: memory,
    PidsLimit: limits.tasks + TASKS_ABOVE,
    ...(run.cpus === undefined ? {} : { CpusetCpus: firstCpus(run.cpus) }),
    Ulimits: [
      ulimit('cpu', limits.cpuSeconds, limits.cpuSeconds + 5),
      ulimit('fsize', limits.fileBytes),
      ulimit('nofile', limits.openFiles),
      ulimit('core', 0),
      ulimit('memlock', 65_536),
      ulimit('msgqueue', 0),
    ],
  };
}

function storage({ mountPoint, user }: ContainerPlan, limits: SandboxLimits): Docker.HostConfig {
  const [uid = '0', gid = uid] = user.split(':');
  const workspace = [
    `size=${limits.workspaceBytes + BYTES_ABOVE}`,
    `nr_inodes=${limits.workspaceEntries + ENTRIES_ABOVE}`,
    ...[`uid=${uid}`, `gid=${gid}`, 'mode=0700', 'nosuid', 'nodev'],
  ];
  return {
    Tmpfs: {
      '/tmp': `rw,nosuid,nodev,exec,size=${limits.temporaryBytes},nr_inodes=${limits.workspaceEntries},mode=1777`,
    },
    // A volume and no `Tmpfs`: the engine copies files into volumes and out of them.
    Mounts: [
      {
        Type: 'volume',
        Source: '',
        Target: mountPoint,
        VolumeOptions: {
          NoCopy: true,
          Labels: {},
          DriverConfig: {
            Name: 'local',
            Options: { type: 'tmpfs', device: 'tmpfs', o: workspace.join(',') },
          },
        },
      },
    ],
  };
}
