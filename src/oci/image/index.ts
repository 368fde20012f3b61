export {
  bareDescriptor,
  collect,
  collectUpTo,
  contentOf,
  describeBytes,
  fetchBytes,
  inlineData,
  maxManifestBytes,
  usableInlineData,
} from './content.ts';
export { cosignTagOf, cosignTagsOf, subjectOfTag } from './cosign-tags.ts';
export {
  type GraphExpansion,
  type GraphLink,
  type GraphNode,
  type GraphNodeKey,
  type GraphReason,
  type GraphVisit,
  GraphWalk,
  type NamedContent,
  nodeKey,
} from './graph.ts';
export { cosignTagLink, cosignTagLinks, referrerLinks, rootLink, successorLinks } from './graph-links.ts';
export {
  artifactTypeOf,
  detectManifestType,
  type ImageIndex,
  type ImageManifest,
  isForeign,
  layersOf,
  type Manifest,
  parseDescriptor,
  parseHeldManifest,
  parseManifest,
  parseUnknownManifest,
  referrerDescriptor,
  successorsOf,
  type UnknownManifest,
} from './manifest.ts';
export { asIncomplete, readNamed } from './named-content.ts';
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
  ListedTag,
  OperationOptions,
  PushOptions,
  PushOutcome,
  ReferrerFilter,
  Repository,
  TagListOptions,
  TagOptions,
} from './ports.ts';
export type { Peer, PeerAddress, PeerTls, ReceivingConnection, ReceivingFile } from './receiving.ts';
export {
  formatReference,
  isDockerHub,
  isLoopbackHost,
  isRegistryReference,
  isRepositoryName,
  isTag,
  type LayoutName,
  type LayoutReference,
  nameOf,
  parseLayoutName,
  parseReference,
  type Reference,
  type RegistryReference,
  schemeOf,
  severalRepositories,
  tagOf,
} from './reference.ts';
export {
  hashOutside,
  isHashedOutside,
  keepVerified,
  type OutsideHash,
  sizeMismatch,
  verifyBytes,
  verifyRest,
  verifyStream,
} from './verify-stream.ts';
