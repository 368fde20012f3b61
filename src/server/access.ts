// Public entry of access/, for the other packages' folders: who a client is.

export { clientOf } from './access/client-address.ts';
