import type { PublishedRole, PublishResult, RepositoryStatus, RoleStatus, RootProgress, WaitingRole } from '#tuf';
import { plural } from '../numbers.ts';
import { asLines, asRow } from '../one-line.ts';

/** How far a root is signed, on one line. */
export function describeRoot({ version, expires, signedBy, threshold, previous, complete }: RootProgress): string {
  const own = `${signedBy.length} of ${threshold} signatures`;
  const old =
    previous === undefined ? '' : `, ${previous.signedBy.length} of ${previous.threshold} by the previous root`;
  return `root ${version}: ${own}${old}, ${complete ? 'complete' : 'waits for more'}; expires ${expires}`;
}

/** What was published, a line each. */
export function describePublished(published: readonly PublishedRole[]): string[] {
  return published.map(({ role, version, expires }) => `published ${role} ${version}, expires ${expires}`);
}

/** How far a role is signed that waits, on one line. */
function describeWaiting({ role, version, expires, threshold, keys, complete }: WaitingRole): string {
  const count = keys.filter(({ signed }) => signed).length;
  const lacking = keys.filter(({ signed }) => !signed).map(({ keyid }) => keyid.slice(0, 12));
  const state = complete ? 'complete' : `waits for ${lacking.join(' or ')}`;
  return `${role} ${version}: ${count} of ${threshold} signatures, ${state}; expires ${expires}`;
}

/** What was published or waits, a line each, and what to do next. */
export function describeResult(dir: string, { published, waiting }: PublishResult): string[] {
  const [first] = waiting;
  if (first === undefined) return describePublished(published);
  return [...waiting.map(describeWaiting), `next: export-center tuf sign ${dir} ${keyOptionOf(first.role)} FILE`];
}

function keyOptionOf(role: string): string {
  if (role === 'snapshot' || role === 'timestamp') return '--online-key';
  return role === 'targets' ? '--targets-key' : '--stream-key';
}

/** `tuf status --output json`. */
export function statusAsJson({ roles, staged, waiting, refused }: RepositoryStatus) {
  return { roles, staged: staged ?? null, waiting, refused: refused ?? null };
}

/** `tuf status` for a person. */
export function statusAsText({ roles, staged, waiting, refused }: RepositoryStatus): string {
  const rows = roles.map(({ role, version, expires, state, threshold, keys, targets }) => {
    const signers = keys.map(({ keyid, signed }) => `${signed ? '+' : '-'}${keyid.slice(0, 12)}`).join(' ');
    const count = targets === undefined ? '' : plural(targets, 'target');
    return asRow([role, version, state, expires, `${threshold} of ${keys.length}`, signers, count]);
  });
  const tail = staged === undefined ? [] : [`staged ${describeRoot(staged)}`];
  tail.push(...waiting.map((each) => `staged ${describeWaiting(each)}`));
  tail.push(refused === undefined ? 'a new client accepts this repository' : `a new client refuses it: ${refused}`);
  return `${rows.join('')}${asLines(tail)}`;
}

/** What to do about roles that are due; about what is not signed where there are none. */
export function nextStepOf(due: readonly RoleStatus[], waiting: readonly WaitingRole[]): string {
  const offline = due.find(({ role }) => role !== 'timestamp' && role !== 'snapshot')?.role;
  if (offline !== undefined) return `renew it with: export-center tuf rotate DIR ${offline}`;
  if (due.length > 0) return 'renew it with: export-center tuf refresh DIR --online-key FILE';
  if (waiting.length > 0) return 'sign it with: export-center tuf sign DIR';
  return 'sign the root with: export-center tuf root sign DIR --key FILE';
}
