import type { Descriptor } from '#core';
import { packIndex, packManifest, type Repository } from '#oci/image';
import { inPieces, noise, pushArtifact, pushBytes } from '../../oci/content.ts';

const MiB = 1024 * 1024;

/** Puts an index there of two artifacts, with layers that are sent in one piece and such that are resumed, all signed. */
export async function pushTree(repository: Repository): Promise<Descriptor> {
  const children: Descriptor[] = [];
  for (const name of ['one', 'two']) {
    const sizes = { 'large.bin': 12 * MiB, 'middle.bin': 2 * MiB };
    const small = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`small/${i}.txt`, 1000 + i]));
    const layers: Descriptor[] = [];
    for (const [title, size] of Object.entries({ ...sizes, ...small })) {
      const layer = await pushBytes(repository, noise(size, `${name} ${title}`));
      layers.push({ ...layer, annotations: { 'org.opencontainers.image.title': title } });
    }
    const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
    const { descriptor, bytes } = packManifest({ artifactType: 'application/vnd.example.test', config, layers });
    await repository.push(descriptor, inPieces(bytes, 1000));
    await pushArtifact(repository, `signature of ${name}`, { subject: descriptor });
    children.push(descriptor);
  }
  const { descriptor, bytes } = packIndex({ manifests: children });
  await repository.push(descriptor, inPieces(bytes, 1000));
  await pushArtifact(repository, 'signature of all', { subject: descriptor });
  await repository.tag(descriptor, 'v1');
  return descriptor;
}
