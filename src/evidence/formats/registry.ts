import type { RecordFormat } from './format.ts';
import { openvex } from './openvex.ts';
import { osv } from './osv.ts';

/** The formats of records, those of most records first. */
export const formats: readonly RecordFormat[] = [osv, openvex];
