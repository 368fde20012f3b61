export { type AppOptions, createApp } from './app.ts';
export { type Principal, type Role, type StoreFor, singleTenant } from './principal.ts';
export { type RunningServer, type ServerOptions, startServer } from './start.ts';
