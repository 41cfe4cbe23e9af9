/** What stands in front of the registry of a test: counts requests, asks for credentials, fails. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FrontOptions {
  /** `user:password` that it wants to see. */
  readonly auth?: string
}

export class RegistryFront {
  /** `down` ends connections without an answer, `silent` never answers. */
  mode: 'open' | 'down' | 'silent' | 'broken' = 'open'
  /** Method and path of each request that came, whatever became of it. */
  readonly requests: string[] = []
  readonly url: string
  readonly #server: Server
  readonly #target: string
  readonly #auth: string | undefined

  private constructor(server: Server, target: string, { auth }: FrontOptions) {
    this.#server = server
    this.#target = target
    this.#auth = auth
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => void this.#take(request, response))
  }

  /** @param target the URL of the registry */
  static async open(target: string, options: FrontOptions = {}): Promise<RegistryFront> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new RegistryFront(server, target, options)
  }

  asked(path: string): number {
    return this.requests.filter((request) => request.endsWith(` ${path}`)).length
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = request
    this.requests.push(`${method} ${url}`)
    const body: Buffer[] = []
    for await (const chunk of request) body.push(chunk as Buffer)
    if (this.mode === 'silent') return
    if (this.mode === 'down') return void request.socket.destroy()
    if (this.mode === 'broken') return void response.writeHead(500).end('{"message":"broken"}')
    const expected = `Basic ${Buffer.from(this.#auth ?? '').toString('base64')}`
    if (this.#auth !== undefined && headers.authorization !== expected) {
      response.writeHead(401).end('{"error_code":40101,"message":"Unauthorized"}')
      return
    }
    const type = headers['content-type'] ?? 'application/json'
    const answer = await fetch(`${this.#target}${url}`, {
      method,
      headers: { 'content-type': type },
      ...(body.length === 0 ? {} : { body: Buffer.concat(body) }),
    })
    const text = await answer.text()
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text)
  }
}
