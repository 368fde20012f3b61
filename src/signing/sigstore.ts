import { createRequire } from 'node:module';
import type * as Bundle from '@sigstore/bundle';
import type * as Core from '@sigstore/core';
import type * as Verify from '@sigstore/verify';

// Each is loaded where it is first called: a run that signs and verifies nothing, such as a snapshot of what has not
// changed, does without their sixty modules.
const part = createRequire(import.meta.url);

/** Makes and encodes sigstore bundles. */
export function sigstoreBundle(): typeof Bundle {
  return part('@sigstore/bundle');
}

/** DSSE's encoding, and verification of plain signatures. */
export function sigstoreCore(): typeof Core {
  return part('@sigstore/core');
}

/** Verifies bundles. */
export function sigstoreVerify(): typeof Verify {
  return part('@sigstore/verify');
}
