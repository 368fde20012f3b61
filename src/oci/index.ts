export {
  bareDescriptor,
  collect,
  contentOf,
  describeBytes,
  fetchBytes,
  inlineData,
  maxManifestBytes,
} from './content.ts';
export { Layout, type LayoutOptions, openLayout } from './layout/layout.ts';
export {
  artifactTypeOf,
  detectManifestType,
  type ImageIndex,
  type ImageManifest,
  type Manifest,
  parseDescriptor,
  parseManifest,
  referrerDescriptor,
  successorsOf,
} from './manifest.ts';
export {
  emptyConfig,
  emptyDescriptor,
  encodeDescriptor,
  type IndexParts,
  type ManifestParts,
  type PackedManifest,
  packIndex,
  packManifest,
} from './pack.ts';
export type {
  ByteRange,
  ByteStream,
  ContentReader,
  FetchOptions,
  OperationOptions,
  PushOptions,
  PushOutcome,
  ReferrerFilter,
  Repository,
} from './ports.ts';
export {
  formatReference,
  isLoopbackHost,
  isRepositoryName,
  isTag,
  type LayoutReference,
  nameOf,
  parseReference,
  type Reference,
  type RegistryReference,
  tagOf,
} from './reference.ts';
export { verifyBytes, verifyStream } from './verify-stream.ts';
