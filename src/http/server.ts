/** The HTTP application on a port. */
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { serve } from '@hono/node-server'
import { ConfigError, FatalError } from '../errors.ts'
import type { HttpApp } from './app.ts'

export interface HttpServer {
  readonly url: string
  /** Ends the streams, lets requests under way finish for a moment, then closes. Once. */
  close(graceMs?: number): Promise<void>
}

/** Port 0 takes any that is free. Rejects if it cannot listen there. */
export async function listen(
  { app, streams }: Pick<HttpApp, 'app'> & Partial<HttpApp>,
  host: string,
  port: number
): Promise<HttpServer> {
  const server = serve({ fetch: app.fetch, hostname: host, port }) as Server
  server.on('checkContinue', (request, response) => continueInTurn(server, request, response))
  try {
    await once(server, 'listening')
  } catch (error) {
    throw cannotListen(host, port, error)
  }
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const close = async (graceMs: number): Promise<void> => {
    streams?.close()
    const closed = once(server, 'close')
    server.close()
    server.closeIdleConnections()
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    await closed
    clearTimeout(timer)
  }
  let closing: Promise<void> | undefined
  return {
    url: `http://${name}:${bound}`,
    close: (graceMs = 1_000) => {
      closing ??= close(graceMs)
      return closing
    },
  }
}

/**
 * A pipelined request waits for its turn on the connection before it is told to go on.
 * Node would write `100 Continue` at once: behind the head of an answer that is ready too early.
 */
function continueInTurn(server: Server, request: IncomingMessage, response: ServerResponse): void {
  const go = () => {
    response.writeContinue()
    server.emit('request', request, response)
  }
  if (response.socket === null) response.once('socket', go)
  else go()
}

function cannotListen(host: string, port: number, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new ConfigError([`HTTP_HOST: cannot listen on '${host}': ${reason}`])
  }
  return new FatalError(
    'MILLRACE_HTTP_UNBOUND',
    `Cannot listen on ${host}:${port} (${reason}): free the port, or set HTTP_PORT to another.`,
    { cause: error }
  )
}
