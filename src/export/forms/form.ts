import type { Descriptor } from '#core';
import type { PackedManifest } from '#oci/image';
import type { ExportManifest } from '../export-manifest.generated.ts';

/** All of a bundle that follows from its export.json, beside its contents and that file. */
interface BundleManifests {
  /** The artifact that tags name. */
  readonly artifact: PackedManifest;
  /** Its layers, titled. */
  readonly layers: readonly Descriptor[];
  /** Blobs of its own that the manifests name. */
  readonly blobs: readonly { readonly mediaType: string; readonly bytes: Uint8Array }[];
  /** For artifacts that cannot hold export.json themselves: the referrer that does. */
  readonly exportReferrer?: PackedManifest;
}

/** How the manifests of a bundle follow from its export.json, byte for byte (docs/FORMATS.md). */
export interface BundleForm {
  /** The titles of layers beside the contents. */
  readonly ownTitles: readonly string[];
  /** @param exportLayer where export.json is, untitled */
  manifestsOf(manifest: ExportManifest, exportLayer: Descriptor, artifactType: string): BundleManifests;
}
