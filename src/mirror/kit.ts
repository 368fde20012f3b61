// Public entry of kit/: what crosses a gap, written, opened and proven.

export { type KitSnapshot, repositoriesOf } from './kit/contents.ts';
export { factsOf, type KitFacts } from './kit/facts.ts';
export { type GatheredKit, gatherKit } from './kit/gather.ts';
export { type OpenKit, openKit } from './kit/open.ts';
export { type KitFiles, type KitPlan, kitPaths } from './kit/plan.ts';
export { type CarriageFacts, type SpaceFacts, signPlan } from './kit/plan-statement.ts';
export { type ProveOptions, proveKit, readChecksums, readChecksums512, splitContents } from './kit/prove.ts';
export { signedFilesOf } from './kit/sign.ts';
export { descriptorOf, KitSources } from './kit/sources.ts';
export { type TrustedKit, type TrustOptions, trustKit } from './kit/trust.ts';
export { writeKitDirectory } from './kit/write-directory.ts';
export { writeKitParts } from './kit/write-parts.ts';
export { kitTarBytes, streamKit, writeKitTar } from './kit/write-tar.ts';
