import { mediaTypes } from '#core';
import { emptyConfig, packManifest } from '#oci/image';
import type { BundleForm } from './form.ts';
import { artifactAnnotations, contentLayers, titled } from './layers.ts';
import { exportManifestPath } from './own-files.ts';

/** The annotation by which an artifact names its export.json, where that is not among its layers. */
export const exportManifestAnnotation = 'io.stellaops.export.manifest-digest';

/** A bundle for clients that take its contents and nothing else, such as Trivy: export.json is in a referrer. */
export const contentsOnlyForm: BundleForm = {
  ownTitles: [],
  manifestsOf: (manifest, exportLayer, artifactType) => {
    const layers = contentLayers(manifest);
    const annotations = { ...artifactAnnotations(manifest), [exportManifestAnnotation]: exportLayer.digest };
    const artifact = packManifest({ artifactType, layers, annotations });
    const { mediaType, digest, size } = artifact.descriptor;
    const exportReferrer = packManifest({
      artifactType: mediaTypes.exportManifest,
      layers: [titled(exportLayer, exportManifestPath)],
      subject: { mediaType, digest, size },
      annotations: artifactAnnotations(manifest),
    });
    return { artifact, layers, blobs: [{ mediaType: mediaTypes.ociEmpty, bytes: emptyConfig }], exportReferrer };
  },
};
