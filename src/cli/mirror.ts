// Public entry of mirror/, for commands of other folders.

export { openOffers, type ServeMirrorOptions, withMirrorOptions } from './mirror/serve.ts';
