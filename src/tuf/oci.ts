// Public entry of oci/: a TUF repository as an OCI artifact.

export { type Checkout, withCheckout } from './oci/checkout.ts';
export { readPublication, type TufPublication } from './oci/publication.ts';
export { attachArtifact, type PublishedArtifact, publishArtifact } from './oci/publish.ts';
export { openArtifactSource } from './oci/source.ts';
