/** A node of a syntax tree (ESTree), as far as it matters here. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly [member: string]: unknown;
}

/** Visits each node of a tree, parents first. */
export function walk(value: unknown, visit: (node: Node) => void): void {
  if (value === null || typeof value !== 'object') return;
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit);
    return;
  }
  if ('type' in value) visit(value as Node);
  for (const member of Object.values(value)) walk(member, visit);
}
