import { digestOf, mediaTypes } from '#core';
import { packManifest } from '#oci/image';
import { encodeChecksums } from './checksums.ts';
import type { BundleForm } from './form.ts';
import { artifactAnnotations, contentLayers, titled } from './layers.ts';
import { checksumsPath, exportManifestPath } from './own-files.ts';

/** A bundle whose config is export.json, which is also, under the same digest, one of its files beside checksums.txt. */
export const selfDescribingForm: BundleForm = {
  ownTitles: [exportManifestPath, checksumsPath],
  manifestsOf: (manifest, exportLayer, artifactType) => {
    const list = encodeChecksums([...manifest.contents, { path: exportManifestPath, digest: exportLayer.digest }]);
    const checksums = { mediaType: mediaTypes.text, bytes: Buffer.from(list) };
    const { mediaType, bytes } = checksums;
    const checksumsLayer = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    const config = titled(exportLayer, exportManifestPath);
    const layers = [...contentLayers(manifest), titled(checksumsLayer, checksumsPath), config];
    const annotations = artifactAnnotations(manifest);
    return { artifact: packManifest({ artifactType, config, layers, annotations }), layers, blobs: [checksums] };
  },
};
