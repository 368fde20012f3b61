import type { Digest } from './digest.ts';

/** Points at content by media type, digest and size in bytes (image-spec v1.1.1 descriptor.md#properties). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The content itself, base64; checked against digest and size before use. */
  readonly data?: string;
  readonly urls?: readonly string[];
  readonly platform?: Readonly<Record<string, unknown>>;
}
