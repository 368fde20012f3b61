import { annotationKeys, type Descriptor } from '#core';
import { type PackedManifest, parseManifest } from '#oci/image';
import type { Profile } from '../profiles.ts';
import type { ReadArtifact } from './artifact.ts';
import { contentMismatch } from './mismatch.ts';

/**
 * Holds the manifests of a bundle against those that follow from its export.json, byte for byte: no member,
 * annotation, subject or spelling but those that docs/FORMATS.md names.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH
 */
export function checkForm(read: ReadArtifact, profile: Profile, place: string): void {
  const { exportManifest, exportLayer, subjects } = read;
  const { artifact, exportReferrer } = profile.form.manifestsOf(exportManifest, exportLayer, profile.artifactType);
  checkBytes(read, artifact, place);
  const other = subjects.slice(1).find(({ digest }) => digest !== exportReferrer?.descriptor.digest);
  if (other !== undefined) throw contentMismatch(place, `the referrer ${other.digest} is not in canonical form`);
}

function checkBytes({ bytes, manifest }: ReadArtifact, wanted: PackedManifest, place: string): void {
  if (Buffer.compare(bytes, wanted.bytes) === 0) return;
  const ours = parseManifest(wanted.bytes, undefined, place);
  if (ours.kind !== 'manifest') throw new TypeError(`it is not an ${ours.kind}`);
  if (manifest.subject !== undefined) throw contentMismatch(place, 'its manifest has an unexpected subject');
  const layer = manifest.layers.find((each, i) => !same(each, ours.layers[i]));
  if (layer !== undefined) {
    const title = layer.annotations?.[annotationKeys.title] ?? layer.digest;
    throw contentMismatch(place, `the layer ${JSON.stringify(title)} does not match export.json`);
  }
  const names = new Set([...Object.keys(manifest.annotations), ...Object.keys(ours.annotations)]);
  const name = [...names].find((each) => manifest.annotations[each] !== ours.annotations[each]);
  if (name !== undefined) {
    throw contentMismatch(place, `the annotation ${JSON.stringify(name)} does not match export.json`);
  }
  throw contentMismatch(place, 'its manifest is not in canonical form');
}

function same(a: Descriptor, b: Descriptor | undefined): boolean {
  return a.digest === b?.digest && a.size === b.size && a.mediaType === b.mediaType;
}
