// Public entry of receipts/: what zones state of their imports, and the zones that are known outside.

export { type Receipt, signReceipt, verifyReceipt } from './receipts/receipt.ts';
export { readReceiptFile } from './receipts/receipt-file.ts';
export {
  receiptIn,
  recordedReceipt,
  recordReceipt,
  statusOfZones,
  type ZoneStatus,
} from './receipts/record.ts';
export { codePartOf, encodeShortCode, parseShortCode, type ShortCode } from './receipts/short-code.ts';
export { parseZoneName } from './receipts/zone-names.ts';
export { ZoneRegister } from './receipts/zone-register.ts';
