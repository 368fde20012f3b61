import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '#core';
import {
  createVerifier,
  decodePrivateKey,
  encodePublicKey,
  encodeSigstoreBundle,
  exportBuild,
  keyidOf,
  makeStatement,
  parseProvenance,
  parsePublicKey,
  parseSigstoreBundleManifest,
  parseTagManifest,
  predicateTypes,
  signStatement,
  subjectOf,
  type VerifiedStatement,
  type VerifyContext,
  verifyAttestationLayer,
  verifySignatureLayer,
  verifySigstoreBundle,
} from '#signing';
import { readJson } from '../core/read-json.ts';
import { describePeers, runPeer } from '../peers/peers.ts';
import { contextOf } from './fixture.ts';
import {
  type Cosign,
  cosigns,
  existingTags,
  keyFlags,
  makeForms,
  type Owner,
  openPeerFixture,
  type PeerFixture,
  type Unsigned,
} from './peer-fixture.ts';

let fixture: PeerFixture;
const file = (name: string) => join(fixture.dir, name);

/** Has a cosign sign and attest a manifest, without the network. */
async function countersign(cosign: Cosign, { files }: Owner, { reference }: Unsigned): Promise<void> {
  const registry = ['--allow-insecure-registry', '--allow-http-registry'];
  const offline = cosign === 'cosign25' ? [] : ['--use-signing-config=false'];
  const common = ['--yes', '--key', files.privateKey, '--tlog-upload=false', ...offline, ...registry];
  const builder = { id: 'https://example.org/other' };
  const content = { buildDefinition: { buildType: 'x', externalParameters: {} }, runDetails: { builder } };
  await writeFile(file('predicate.json'), JSON.stringify(content));
  const predicate = ['--type', 'slsaprovenance1', '--predicate', 'predicate.json'];
  const signed = await fixture.cosign(cosign, ['sign', ...common, reference]);
  const attested = await fixture.cosign(cosign, ['attest', ...predicate, ...common, reference]);
  expect([signed.code, attested.code], signed.stderr + attested.stderr).toEqual([0, 0]);
}

/** Whatever hangs on a manifest in any form, judged: how many of each are ours and good, how many another signer's. */
async function judge(target: Unsigned, { verifier }: Owner) {
  const context: VerifyContext = contextOf(verifier, target.descriptor.digest);
  const { signatures, attestations } = await existingTags(target);
  const signatureVerdicts = [];
  for (const layer of signatures === undefined ? [] : parseTagManifest(signatures, '.sig').layers) {
    const payload = await target.repository.getBlob(layer.descriptor.digest);
    signatureVerdicts.push(verifySignatureLayer(layer, payload, context));
  }
  const statements: (VerifiedStatement | undefined)[] = [];
  for (const layer of attestations === undefined ? [] : parseTagManifest(attestations, '.att').layers) {
    const blob = await target.repository.getBlob(layer.descriptor.digest);
    statements.push(verifyAttestationLayer(layer, blob, context));
  }
  for (const manifest of await referrers(target)) {
    const parsed = parseSigstoreBundleManifest(manifest, 'referrer');
    if (parsed === undefined) continue;
    statements.push(verifySigstoreBundle(parsed, await target.repository.getBlob(parsed.layer.digest), context));
  }
  const all = [...signatureVerdicts, ...statements];
  const types = statements.flatMap((verified) => verified?.statement.predicateType ?? []);
  return { ours: all.filter((verdict) => verdict !== undefined).length, all: all.length, types, statements };
}

async function referrers({ repository, descriptor }: Unsigned): Promise<Uint8Array[]> {
  const index = await repository.getManifest(descriptor.digest.replace(':', '-'));
  if (index === undefined) return [];
  const { manifests } = readJson(Buffer.from(index).toString()) as { manifests: { digest: string }[] };
  const found = await Promise.all(manifests.map(({ digest }) => repository.getManifest(digest)));
  return found.filter((bytes) => bytes !== undefined);
}

describePeers([...cosigns, 'docker-registry'], 'keys and objects, to and fro with three cosigns', () => {
  beforeAll(async () => {
    fixture = await openPeerFixture();
  });
  afterAll(() => fixture.close());

  describe.each(cosigns)('%s', (cosign) => {
    it('reads a key that we wrote, under its password alone', async () => {
      const [key, env] = [fixture.us.files.privateKey, { COSIGN_PASSWORD: 'wrong' }];
      expect((await fixture.cosign(cosign, ['public-key', '--key', key])).stdout).toBe(
        encodePublicKey(fixture.us.publicKey),
      );
      expect((await runPeer(cosign, ['public-key', '--key', key], { env })).code).not.toBe(0);
    });

    it('writes a key that we read, under its password alone', async () => {
      const env = { COSIGN_PASSWORD: 'pä ss' };
      const made = await runPeer(cosign, ['generate-key-pair', '--output-key-prefix', cosign], {
        env,
        cwd: fixture.dir,
      });
      expect(made.code).toBe(0);
      const pem = await readFile(file(`${cosign}.key`), 'utf8');
      const publicPem = await readFile(file(`${cosign}.pub`), 'utf8');
      const key = await decodePrivateKey(pem, 'pä ss', 'k');
      expect(encodePublicKey(key)).toBe(publicPem);
      expect(keyidOf(parsePublicKey(publicPem, 'p'))).toBe(keyidOf(key));
      await expect(decodePrivateKey(pem, 'pa ss', 'k')).rejects.toMatchObject({ code: 'ERR_EXPORT_PASSWORD_WRONG' });
    });

    it('verifies a blob that we signed, and we one that it signed', async () => {
      const { us } = fixture;
      await writeFile(file('blob'), 'content');
      await writeFile(file('sig'), Buffer.from(await us.signer.sign(Buffer.from('content'))).toString('base64'));
      const verify = ['verify-blob', '--key', us.files.publicKey, '--insecure-ignore-tlog', '--signature', 'sig'];
      expect(await fixture.cosign(cosign, [...verify, 'blob'])).toMatchObject({ code: 0 });
      await writeFile(file('blob2'), 'contents');
      expect((await fixture.cosign(cosign, [...verify, 'blob2'])).code).not.toBe(0);

      const sign = ['sign-blob', '--yes', '--key', us.files.privateKey];
      await writeFile(file('sc.json'), '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}');
      const made =
        cosign === 'cosign3'
          ? await fixture.cosign(cosign, [...sign, '--signing-config', 'sc.json', '--bundle', 'made', 'blob'])
          : await fixture.cosign(cosign, [...sign, '--tlog-upload=false', '--output-signature', 'made', 'blob']);
      expect(made.code, made.stderr).toBe(0);
      const text = await readFile(file('made'), 'utf8');
      const base64: string = cosign === 'cosign3' ? readJson(text).messageSignature.signature : text;
      const verifier = createVerifier(us.publicKey);
      expect(verifier.hasSigned(Buffer.from('content'), Buffer.from(base64, 'base64'))).toBe(true);
    });

    it('verifies a sigstore bundle in a file', async () => {
      const { us } = fixture;
      const statement = makeStatement([subjectOf(digestOf('content'), 'blob')], predicateTypes.slsaProvenance, {});
      await writeFile(file('blob'), 'content');
      await writeFile(file('b.sigstore.json'), encodeSigstoreBundle(await signStatement(statement, us.signer)));
      const older = cosign === 'cosign3' ? [] : ['--new-bundle-format', '--trusted-root', us.files.trustedRoot];
      const flags = ['--key', us.files.publicKey, '--insecure-ignore-tlog', '--type', 'slsaprovenance1', ...older];
      const verify = (name: string) =>
        fixture.cosign(cosign, ['verify-blob-attestation', ...flags, '--bundle', 'b.sigstore.json', name]);
      expect(await verify('blob')).toMatchObject({ code: 0 });
      await writeFile(file('blob'), 'changed');
      expect((await verify('blob')).code).not.toBe(0);
    });

    it('signs with our key what we take for ours, and with another what we take for another signer’s', async () => {
      const target = await fixture.publish(`made/by-us/${cosign}`);
      await countersign(cosign, fixture.us, target);
      const own = await judge(target, fixture.us);
      expect(own).toMatchObject({ ours: 2, all: 2 });
      expect(own.types).toContain(predicateTypes.slsaProvenance);
      for (const verified of own.statements) {
        expect(verified && parseProvenance(verified.statement, 'p', exportBuild)).toBeUndefined();
      }
      expect(await judge(target, fixture.otherSigner)).toMatchObject({ ours: 0, all: 2 });
    });

    it('adds to what we published, and we to what it published', async () => {
      for (const first of ['us', 'cosign'] as const) {
        const target = await fixture.publish(`made/${first}-first/${cosign}`);
        if (first === 'cosign') await countersign(cosign, fixture.otherSigner, target);
        const forms = await makeForms(target, fixture.us, {}, await existingTags(target));
        for (const object of Object.values(forms)) await target.repository.push(object);
        if (first === 'us') await countersign(cosign, fixture.otherSigner, target);
        expect(await judge(target, fixture.us)).toMatchObject({ ours: 4, all: 6 });
        expect(await judge(target, fixture.otherSigner)).toMatchObject({ ours: 2, all: 6 });
        const verified = await fixture.cosign(cosign, ['verify', ...keyFlags(fixture.us), target.reference]);
        expect(verified).toMatchObject({ code: 0 });
      }
    });
  });

  it.each(['cosign25', 'cosign26'] as const)(
    'has payload and config byte for byte as %s writes them',
    async (cosign) => {
      const target = await fixture.publish(`bytes/${cosign}`);
      const { signatureTag } = await makeForms(target, fixture.us);
      await countersign(cosign, fixture.us, target);
      const { signatures } = await existingTags(target);
      const { config, layers } = parseTagManifest(signatures ?? new Uint8Array(0), '.sig');
      const digests = signatureTag.blobs.map(({ descriptor }) => descriptor.digest);
      expect(digests).toEqual([layers[0]?.descriptor.digest, config.digest]);
    },
  );
});
