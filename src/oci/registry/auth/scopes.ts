import { compareText } from '#core';

/** What a token is wanted for: actions by resource, such as `pull` and `push` on `repository:team/app`. */
export type Scopes = ReadonlyMap<string, ReadonlySet<string>>;

/** The scopes of a repository. */
export function repositoryScope(repository: string, ...actions: string[]): Scopes {
  return new Map([[`repository:${repository}`, new Set(actions)]]);
}

/** The scopes in the text of a challenge: `TYPE:NAME:ACTION,ACTION`, several with a space between. */
export function parseScopes(text: string): Scopes {
  const scopes = new Map<string, ReadonlySet<string>>();
  for (const part of text.split(/\s+/)) {
    const colon = part.lastIndexOf(':');
    if (colon <= 0) continue;
    const actions = part
      .slice(colon + 1)
      .split(',')
      .filter((action) => action !== '');
    const resource = part.slice(0, colon);
    scopes.set(resource, new Set([...(scopes.get(resource) ?? []), ...actions]));
  }
  return scopes;
}

/** One set of scopes with the actions of all; `*` stands for every action. */
export function mergeScopes(...many: Scopes[]): Scopes {
  const merged = new Map<string, Set<string>>();
  for (const scopes of many) {
    for (const [resource, actions] of scopes) {
      merged.set(resource, new Set([...(merged.get(resource) ?? []), ...actions]));
    }
  }
  for (const [resource, actions] of merged) if (actions.has('*')) merged.set(resource, new Set(['*']));
  return merged;
}

/** Whether a token for `held` does for `wanted` too. */
export function coversScopes(held: Scopes, wanted: Scopes): boolean {
  for (const [resource, actions] of wanted) {
    const have = held.get(resource);
    if (have === undefined) return false;
    if (!have.has('*')) for (const action of actions) if (!have.has(action)) return false;
  }
  return true;
}

/**
 * The scopes as texts, the same for the same scopes. Those with `push` come first: some token services read only the
 * first scope, and without it nothing could be written.
 */
export function encodeScopes(scopes: Scopes): string[] {
  const texts = [...scopes].map(([resource, actions]) => `${resource}:${[...actions].sort(compareText).join(',')}`);
  return texts.sort((a, b) => Number(grantsPush(b)) - Number(grantsPush(a)) || compareText(a, b));
}

function grantsPush(scope: string): boolean {
  return /[:,](?:push|\*)(?:,|$)/.test(scope);
}
