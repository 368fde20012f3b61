import { type RunResult, runPeer } from '../../peers/peers.ts';
import type { Form, Kind } from './signed-copy.ts';

export const cosigns = ['cosign25', 'cosign26', 'cosign3'] as const;
export type Cosign = (typeof cosigns)[number];

/** Which of cosign's forms each reads, told nothing about forms: 2.5 has no eyes for sigstore bundles. */
export const readersOf: Readonly<Record<Form, readonly Cosign[]>> = {
  tag: ['cosign25', 'cosign26', 'cosign3'],
  sigstoreBundle: ['cosign26', 'cosign3'],
};

/** Whatever is not on loopback meets a proxy that is not there. */
const offline = { HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' };

/** A key to verify by, and the trusted root that says there is nobody to ask. */
export interface Trust {
  readonly publicKey: string;
  readonly trustedRoot: string;
}

/** `cosign verify` for a signature, `cosign verify-attestation` for a provenance: by key, offline. */
export function cosign(name: Cosign, kind: Kind, reference: string, trust: Trust): Promise<RunResult> {
  const command = kind === 'signature' ? ['verify'] : ['verify-attestation', '--type', 'slsaprovenance1'];
  const flags = ['--key', trust.publicKey, '--insecure-ignore-tlog', '--trusted-root', trust.trustedRoot];
  return runPeer(name, [...command, ...flags, reference], { env: offline });
}

/** Those of the cosigns that are content. */
export async function content(
  names: readonly Cosign[],
  kind: Kind,
  reference: string,
  trust: Trust,
): Promise<readonly Cosign[]> {
  const verdicts = await Promise.all(names.map((name) => cosign(name, kind, reference, trust)));
  return names.filter((_, i) => verdicts[i]?.code === 0);
}
