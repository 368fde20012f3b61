// Public entry of sending/: how responses reach the client within the limits of memory and pace.

export { MinRateGuard } from './sending/min-rate-guard.ts';
export { reserveResponse } from './sending/response-memory.ts';
export { sendBlob, sendStream } from './sending/send.ts';
