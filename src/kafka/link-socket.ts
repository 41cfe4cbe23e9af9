/** A socket to a broker, TLS or not, that hands out whole answers. */
import net from 'node:net'
import type tls from 'node:tls'
import type { FrameBuffers } from './frame-buffers.ts'
import { Frames } from './frames.ts'
import type { KafkaOptions } from './link-options.ts'

/** TLS, as it is to be spoken. */
export interface Secure {
  readonly connect: typeof tls.connect
  readonly options: tls.ConnectionOptions
}

/** `onConnect`: the handshake of TLS is over, too. */
export function openSocket(
  host: string,
  port: number,
  secure: Secure | undefined,
  buffers: FrameBuffers,
  onConnect: () => void
): net.Socket {
  const servername = net.isIP(host) === 0 ? { servername: host } : {}
  // Whoever listens for data gets whole answers, sizes included.
  const frames = new Frames(buffers, (frame) => void socket.emit('data', frame))
  const onread: net.OnReadOpts = {
    buffer: () => frames.room,
    callback: (bytes) => {
      try {
        frames.take(bytes)
      } catch (error) {
        socket.destroy(error as Error)
      }
      return true
    },
  }
  const target = { host, port, onread }
  const socket: net.Socket = secure
    ? secure.connect({ ...target, ...servername, ...secure.options }, onConnect)
    : net.connect(target, onConnect)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, 60_000)
  return socket
}

/** TLS is loaded where it is spoken: with what it needs it is 10 ms of CPU of every thread. */
export async function secureOf({ tls }: KafkaOptions): Promise<Secure | undefined> {
  if (tls === undefined || tls === false) return undefined
  const { connect } = await import('node:tls')
  return { connect, options: tls === true ? {} : { ...tls } }
}

export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(address.slice(colon + 1)) }
}
