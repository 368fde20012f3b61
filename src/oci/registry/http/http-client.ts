import { createRequire } from 'node:module';
import type { Agent as AgentClass, Dispatcher, EnvHttpProxyAgent } from 'undici';

// By the files of its pinned version: its public entry also loads fetch, WebSockets, mocks and caches, which takes as long as
// a copy that has nothing to send.
const part = createRequire(import.meta.url);

/** Connections to any origin. */
export const Agent = part('undici/lib/dispatcher/agent.js') as typeof AgentClass;

/** Sends a request through the dispatcher that it is called on. */
export const request = part('undici/lib/api/api-request.js') as (
  this: Dispatcher,
  options: Dispatcher.RequestOptions,
) => Promise<Dispatcher.ResponseData>;

/** Connections through the proxies that are named; loaded where there are any. */
export function proxyAgent(options: EnvHttpProxyAgent.Options): Dispatcher {
  // Tunnels are asked for by a method that undici's public entry gives to every dispatcher.
  const { prototype } = part('undici/lib/dispatcher/dispatcher.js') as typeof Dispatcher;
  prototype.connect = part('undici/lib/api/api-connect.js') as Dispatcher['connect'];
  const Proxied = part('undici/lib/dispatcher/env-http-proxy-agent.js') as typeof EnvHttpProxyAgent;
  return new Proxied(options);
}
