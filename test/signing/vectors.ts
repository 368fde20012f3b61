/** Keys made by cosign 3.1.3 for these tests alone; they protect nothing. */
export const cosignMade = {
  password: 'pässwörd with spaces',
  /** As `ssh-keygen -l` prints it. */
  fingerprint: 'SHA256:L6ovPjItysHk/JLuM7Ek6pWUUod+tZEbNqvp4sl243o',
  privateKey: `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJ0L2RIdG12TVJNY245YmxPdnpZTDlYNytjWlBBaGxz
dXZzOWU3cHdYeHhvPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJHa0dJdTQ0MkxNd1RuazVobUFhK291KzJzNXIrTDhTdyJ9LCJj
aXBoZXJ0ZXh0IjoiNmlEUnFoNFlnYTl1WGFyclRaMzREV3YzZFoxTXh5OHlxdDdI
Ly8yTCtpTldxTUkrQzNHUnd6Yk5CL09UWXY1VjFPM21FSWo4YWowV0gxTy9QZE1J
bUFzQ1dEUk5nYURVbGZoUEs2MlY1MDhrRlhHT2hIYnlDditYajZvNWtqL2FiaU5j
MzZUbGRLOHlaVFg1VzRMbU5pcnViMzFVeFVIM2F6YU9GaDRZanVkV0h4TEVNMzgr
VFBvTUZ4eXNtU28rckg4WXJ1L3BEa0hKcVE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`,
  publicKey: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYjtvLnRtHcoqNkYYBPkUVqUjZLG/
Sb5PFOiDQzC8gwK1LbQa00/DRi3t6MtALwNZmmNa4pbnqP3c4VG7OQ7SpA==
-----END PUBLIC KEY-----
`,
  /** An empty password. */
  emptyPrivateKey: `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJDYUQyN2NSTUVoZ1hBR2E2Q3EwYWl3RmNWTitDZjlk
QzdSaC9yZ0Z1dW5nPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJMb2htVlpwZ252Q3lnbjlVenhTUDlWQmFreDM1THUwWSJ9LCJj
aXBoZXJ0ZXh0IjoiU1ZUWllRTjZoYThyeS9PUkpDOFFKL1NNOGw5QXFITk4xUkpM
aUt5ZHp1MHlhYjZITWVzbXljLzBXUW1POVlMd3Z0eGVhSGttOUdGTEw3VjdlTWJq
TWY3eTEraTFNMlNYem9FMitiT29PVDcyNUplclVLTzZBaENvT1VLZkVTeEdyTjdQ
alMwSmt4UU1kSWNmM1NwK1BPY3E5RDhMMjkrQXdSWkphdk9aRE5KS2FlZzdQajhZ
VkNKR3puTzd1NW1Hcmh4Z1FKeVVzM1B0R3c9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`,
  emptyPublicKey: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOJyvoYsB0pORNltADC6qBj07KDVw
pAW5kCQHVoEtUmwDPaCCwotuX6Y4xPVEM5rsIwM5sGsi5lXqDt9tOfNuIg==
-----END PUBLIC KEY-----
`,
} as const;

/** Made by `cosign import-key-pair` of 3.1.3, password `p`: keys that we refuse. */
export const refusedKeys = {
  'ECDSA on P-384': {
    privateKey: `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJ6a2plNFdodnppYnZaTkV6WnFDVWZ2UThmL2c1TThH
N1JCa3FQZ1FxNkFVPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJSNTE0Z1lUelg1Q1lBaFBuU3A1ckdYU0tqOTlLWjUxbyJ9LCJj
aXBoZXJ0ZXh0IjoiQk9FVndHeXJBYlBYT1dHUHV6blBJbEkrWmVYMWFkVVBUZmJo
WDVHNHZpa0ZzSjJNOUpZOVVDdEJIY3QraHhLc3laRnhzV0VJYS9nUC8rSWYwK2dP
Zi9vS3ZFSk9zZlNKOHoxd1NIZ2ZOalBFeEwrb2RYRU40VVh1WVRaTHRuYjNGZFAx
NHRETGRFY1E1Snp1TERWdlNDdkk3ZjloUG5wN1BReHpEYTFxS0N6SXlwU1ZnNWRW
YWd4Y2VBb3FFRjU5Mmh5a2NQZWZZSVBaRnFMamZaMFM2Z2FQTkdnd0dweDltN09a
Z1NaTk8vUElDek5hMGxpUXFsUU4yTmVmSDJMRzkyS3NvMlBwR1RPZyJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`,
    publicKey: `-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEqgnuWr0zyl8HKApTaSuDrM9aJw3O+Z/d
6BoGszxuH8Xflw3F4JRP5Z4hQrxe+R795HFdCYQ2qIC637bU5B4qIZNwGranv5co
FsuQ6LI8030WR9sLE4I1y+ipLRxT6Q4P
-----END PUBLIC KEY-----
`,
    said: 'ec on secp384r1',
  },
  Ed25519: {
    privateKey: `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJpQnZHeG1KS0w1ZHMvMlovNk90NWhUTWRhQmozVlZQ
WlNxMi9xM2RZWVZVPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiI3c3YyTXZVakQvMkJLcmk4Y1BmU2dLbFVrNFE5dFo3eiJ9LCJj
aXBoZXJ0ZXh0IjoiU0pmVWxmN244UW15ZEdla3FjcVpySEtBN0dMK0tEeWpSd2Yr
eTAzRDFkOGMvOVcvb0dteXBYMjNsQkpTbThGcm5yRGU0TE9mN2RaempWN0M3Z0ht
QXc9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`,
    publicKey: `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAa86vEx6ffD/uiXXYhqOTaKSmj/TAux/zhaYY2gLAa+w=
-----END PUBLIC KEY-----
`,
    said: 'ed25519',
  },
} as const;

/** The example of the DSSE specification (protocol.md, test vectors), whose signature is r and s side by side. */
export const dsseExample = {
  publicKey: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZ805D3eqNZywjCI19lInBJOp7YMr
CrzAH3CVTAOQ0jgMeCvVTiaRJaRPRDOv8UMs6U4SvKc6pnrIDOoSYI3fdA==
-----END PUBLIC KEY-----
`,
  payloadType: 'http://example.com/HelloWorld',
  payload: 'hello world',
  signature: 'A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==',
} as const;
