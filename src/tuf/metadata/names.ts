import { compileGlob } from '#core';

/** The roles that every repository has. */
export const topLevelRoles = ['root', 'targets', 'snapshot', 'timestamp'] as const;
export type TopLevelRole = (typeof topLevelRoles)[number];

/** Whether a text names one of the roles that every repository has. */
export function isTopLevelRole(name: string): name is TopLevelRole {
  return (topLevelRoles as readonly string[]).includes(name);
}

/** A role that signs for names of targets: it becomes a part of a file name and of a URL. */
const ROLE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether a text is a name that a delegated role may have here. */
export function isDelegatedRole(name: string): boolean {
  return ROLE.test(name) && !isTopLevelRole(name);
}

/** Of the target of a stream: no dot, since `STREAM.SEQUENCE.json` has to be read in one way only. */
const STREAM = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/** Whether a text is a name that a stream may have. */
export function isStreamName(name: string): boolean {
  return STREAM.test(name) && isDelegatedRole(name);
}

/** The pattern of target names for which a stream signs. */
export function streamPattern(stream: string): string {
  return `${stream}.*.json`;
}

/** The name of a stream's target. It has no slash: clients disagree on where the hash of such a name goes. */
export function streamTargetName(stream: string, sequence: number): string {
  return `${stream}.${sequence}.json`;
}

const TARGET = /^[\x20-\x5b\x5d-\x7e]{1,512}$/;

/** Whether a text is a target path: relative, segments between slashes, none of them empty, `.` or `..`. */
export function isTargetPath(path: string): boolean {
  return TARGET.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

const PATTERN = /^[A-Za-z0-9._~@%+=:, *?/-]{1,512}$/;

/** Whether a text is a path pattern that all clients read alike: `*` and `?` within segments, nothing else special. */
export function isPathPattern(pattern: string): boolean {
  return PATTERN.test(pattern);
}

/** Whether a path pattern covers a target path: segment by segment, so that no `*` stands for a slash. */
export function coversPath(pattern: string, path: string): boolean {
  const [want, have] = [pattern.split('/'), path.split('/')];
  return want.length === have.length && want.every((part, i) => compileGlob(part)(have[i] as string));
}
