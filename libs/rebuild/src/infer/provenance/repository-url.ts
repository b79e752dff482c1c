import { GitUrl } from '@touchstone/contract';

/** `github:org/name`, `git+ssh://git@host/…`, `git://…`: the https URL of the same repository. */
export function repositoryUrl(text: string): string | undefined {
  const forge = /^(github|gitlab|bitbucket):([\w.-]+\/[\w.-]+)$/.exec(text);
  const hosts: Record<string, string> = {
    github: 'github.com',
    gitlab: 'gitlab.com',
    bitbucket: 'bitbucket.org',
  };
  const plain = /^[\w-]+\/[\w.-]+$/.test(text)
    ? `https://github.com/${text}`
    : forge !== null
      ? `https://${hosts[forge[1] ?? ''] ?? ''}/${forge[2] ?? ''}`
      : text
          .replace(/^git\+/, '')
          .replace(/^(?:ssh|git|http):\/\/(?:[\w-]+@)?/, 'https://')
          .replace(/^git@([\w.-]+):/, 'https://$1/')
          .replace(/#.*$/, '')
          .replace(/\/$/, '');
  return plain.startsWith('https://') && GitUrl.safeParse(plain).success ? plain : undefined;
}
