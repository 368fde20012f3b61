import { annotationKeys, type Descriptor } from '#core';
import type { ExportManifest } from '../export-manifest.generated.ts';

/** A descriptor under the title that clients write it to. */
export function titled(descriptor: Descriptor, title: string): Descriptor {
  return { ...descriptor, annotations: { [annotationKeys.title]: title } };
}

/** The layers of the contents, in byte order of path. */
export function contentLayers(manifest: ExportManifest): Descriptor[] {
  return manifest.contents.map(({ path, mediaType, digest, sizeBytes }) =>
    titled({ mediaType, digest, size: sizeBytes }, path),
  );
}

/** The annotations that every artifact of ours carries; `asOf` is the only time among them. */
export function artifactAnnotations(manifest: ExportManifest): Record<string, string> {
  const { name, revision } = manifest.profile;
  return {
    [annotationKeys.created]: manifest.asOf,
    [annotationKeys.version]: manifest.asOf,
    [annotationKeys.source]: `urn:export-center:profile:${name}:${revision}`,
  };
}
