import type { IncomingMessage, ServerResponse } from 'node:http';
import { RegistryDouble, send } from './registry-double.ts';

/** A token service that a registry double demands tokens of. */
export class TokenService {
  readonly double: RegistryDouble;
  readonly registry: RegistryDouble;
  readonly valid = new Set<string>();
  /** Who may log in, as `user:password`; anybody where there is none. */
  login: string | undefined;
  refreshToken: string | undefined;
  /** Given away with the next token, and the only one that is taken from then on. */
  nextRefreshToken: string | undefined;
  answer: ((response: ServerResponse) => unknown) | undefined;
  asked: { method: string; scopes: string[]; authorization: string | undefined; form: URLSearchParams }[] = [];
  #count = 0;

  private constructor(double: RegistryDouble, registry: RegistryDouble) {
    this.double = double;
    this.registry = registry;
    double.fault = (request, response, path) => this.#serve(request, response, path);
    registry.fault = (request, response) => this.guard(request, response);
  }

  static async start(registry: RegistryDouble): Promise<TokenService> {
    return new TokenService(await RegistryDouble.start(), registry);
  }

  guard(request: IncomingMessage, response: ServerResponse): boolean {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    if (this.valid.has(token)) return false;
    const realm = `http://${this.double.host}/token`;
    send(response, 401, { 'www-authenticate': `Negotiate, Bearer realm="${realm}",service="the registry"` });
    return true;
  }

  close(): Promise<void> {
    return this.double.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse, path: string): Promise<true> {
    const url = new URL(path, 'http://x');
    let body = '';
    for await (const part of request) body += String(part);
    const form = new URLSearchParams(body);
    const { authorization } = request.headers;
    const scopes = request.method === 'POST' ? (form.get('scope') ?? '').split(' ') : url.searchParams.getAll('scope');
    this.asked.push({ method: request.method ?? '', scopes, authorization, form });
    if (this.answer !== undefined) this.answer(response);
    else if (request.method === 'POST' && this.refreshToken === undefined) send(response, 404, {});
    else if (request.method === 'POST' && form.get('refresh_token') !== this.refreshToken) send(response, 401, {});
    else if (request.method === 'GET' && this.login !== undefined && authorization !== basic(this.login))
      send(response, 401, {});
    else {
      const token = `token-${++this.#count}`;
      this.valid.add(token);
      if (this.nextRefreshToken !== undefined) this.refreshToken = this.nextRefreshToken;
      const refresh = this.nextRefreshToken === undefined ? {} : { refresh_token: this.nextRefreshToken };
      send(
        response,
        200,
        {},
        JSON.stringify(request.method === 'POST' ? { access_token: token, ...refresh } : { token, expires_in: 300 }),
      );
    }
    return true;
  }
}

export function basic(login: string): string {
  return `Basic ${Buffer.from(login).toString('base64')}`;
}
