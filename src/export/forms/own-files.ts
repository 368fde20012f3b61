/** The name of the export manifest in a bundle. */
export const exportManifestPath = 'export.json';

/** The name of the list of files and digests in a bundle. It does not list itself. */
export const checksumsPath = 'checksums.txt';
