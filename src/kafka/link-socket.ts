/** A socket to a broker, TLS or not, that hands out whole answers. */
import net from 'node:net'
import tls from 'node:tls'
import type { FrameBuffers } from './frame-buffers.ts'
import { Frames } from './frames.ts'
import type { KafkaOptions } from './link-options.ts'

/** `onConnect`: the handshake of TLS is over, too. */
export function openSocket(
  host: string,
  port: number,
  secure: tls.ConnectionOptions | undefined,
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
    ? tls.connect({ ...target, ...servername, ...secure }, onConnect)
    : net.connect(target, onConnect)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, 60_000)
  return socket
}

export function tlsOptions(options: KafkaOptions): tls.ConnectionOptions | undefined {
  if (!options.tls) return undefined
  return options.tls === true ? {} : { ...options.tls }
}

export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(address.slice(colon + 1)) }
}
