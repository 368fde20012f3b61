import { canonicalText, compareText, type Digest, digestOf, type JsonObject } from '#core';
import type { ExportManifest } from './export-manifest.generated.ts';

const INPUTS_DOMAIN = 'export-center/inputs/v1\n';

/** What inputsHash covers: everything that decides the contents. */
export type HashedInputs = Pick<ExportManifest, 'adapters' | 'asOf' | 'inputs' | 'profile' | 'selector' | 'tenant'>;

/** SHA-256 over `export-center/inputs/v1 LF` and the canonical JSON of the inputs (docs/FORMATS.md, "Hashes"). */
export function inputsHashOf({ adapters, asOf, inputs, profile, selector, tenant }: HashedInputs): Digest {
  const covered = { adapters, asOf, inputs, profile, selector, tenant } as unknown as JsonObject;
  return digestOf(INPUTS_DOMAIN + canonicalText(covered));
}

/** SHA-256 over the digests of the contents, sorted, joined by LF: equal when two runs made the same files. */
export function rerunHashOf(contents: readonly { readonly digest: Digest }[]): Digest {
  const digests = contents.map((content) => content.digest).sort(compareText);
  return digestOf(digests.join('\n'));
}
