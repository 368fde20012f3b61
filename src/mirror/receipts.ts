// Public entry of receipts/: what zones state of their imports.

export { type Receipt, signReceipt, verifyReceipt } from './receipts/receipt.ts';
export { parseZoneName } from './receipts/zone-names.ts';
