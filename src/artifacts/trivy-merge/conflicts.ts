import { LossCollector, type LossScope } from '../losses.ts';

/** What may become of advisories on one package and id that both databases have. Rows of one id count as its parts. */
const conflictScopes = {
  /** An official advisory in whose place the own one stands. */
  replaced: 'part',
  /** An official advisory that would have overridden the own one, from another bucket of the ecosystem. */
  removed: 'part',
  /** An official advisory that is kept, and that the own one overrides, from another bucket of the ecosystem. */
  shadowed: 'part',
  /** An own advisory that is left out, since an official source takes precedence. */
  outranked: 'part',
} as const satisfies Readonly<Record<string, LossScope>>;

export type Conflict = keyof typeof conflictScopes;

/** Collects them by id, with the place of the first. */
export class Conflicts {
  readonly #collector: LossCollector<Conflict>;

  /** @param folder for files, which the caller removes */
  constructor(folder: string) {
    this.#collector = new LossCollector(folder, conflictScopes);
  }

  add(
    conflict: Conflict,
    { root, package: name, id }: { readonly root: string; readonly package: Uint8Array; readonly id: Uint8Array },
  ): void {
    this.#collector.add(conflict, text(id), `/${escapePart(root)}/${escapePart(text(name))}`);
  }

  relieve(): Promise<void> {
    return this.#collector.relieve();
  }

  finish(): ReturnType<LossCollector<Conflict>['finish']> {
    return this.#collector.finish();
  }
}

function text(name: Uint8Array): string {
  return Buffer.from(name).toString('utf8');
}

/** A part of a JSON pointer. */
function escapePart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
