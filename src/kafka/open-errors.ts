/**
 * Why a connection could not be opened, or logged in again. What can never work is fatal, or, where
 * a broker that is just going down looks the same, says what it most likely is.
 */
import { FatalError } from '../errors.ts'
import { ConnectionError, errorCodes } from './kafka-errors.ts'

/** What Node and OpenSSL say of certificates, theirs or ours: trying again changes nothing. */
const certificateFault = new RegExp(
  '^(CERT_|ERR_TLS_CERT_|ERROR_IN_CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_(CA|PURPOSE)|' +
    'HOSTNAME_MISMATCH|ERR_SSL_.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED))'
)

/** A broker that wants a login closes the connection at the first request without one. */
export const loginHint =
  '; if that is always so, its port wants a login: set KAFKA_SASL_MECHANISM, user and password'

const plainHint =
  '; if that is always so, its port speaks no TLS: use another one, or take KAFKA_TLS_* away'

const tlsHint =
  '; if that is always so, its port speaks TLS only: set KAFKA_TLS_ENABLED=on, or use another port'

/** How kafkajs calls a connection that was cut before the first request was answered. */
const cutOfKafkajs = 'KafkaJSConnectionClosedError'

/** `hasTls`: of the attempt. */
export function asOpenError(address: string, thrown: unknown, hasTls: boolean): Error {
  const wasCut = thrown instanceof ConnectionError && thrown.code === 'MILLRACE_KAFKA_DISCONNECTED'
  const error = wasCut ? thrown.cause : thrown
  const reason = error instanceof Error ? error.message : String(error)
  const name = error instanceof Error ? error.name : ''
  const { code } = Object(error) as { readonly code?: unknown }
  if (name === 'KafkaJSSASLAuthenticationError') {
    return new FatalError(
      'MILLRACE_KAFKA_LOGIN_REFUSED',
      `The broker ${address} refused to log us in: ${reason}; check user, password and mechanism`,
      { cause: error }
    )
  }
  if (code === errorCodes.ILLEGAL_SASL_STATE) {
    return new FatalError(
      'MILLRACE_KAFKA_LOGIN_REFUSED',
      `The broker ${address} takes no logins on that port (${reason}): use the port of a ` +
        'listener with SASL, or take KAFKA_SASL_* away',
      { cause: error }
    )
  }
  if (typeof code === 'string' && certificateFault.test(code)) {
    return new FatalError(
      'MILLRACE_KAFKA_CERTIFICATE_REFUSED',
      `TLS with the broker ${address} failed: ${reason} (${code}); check the certificate ` +
        'authority you trust, the name and the dates of its certificate, and your own',
      { cause: error }
    )
  }
  const hint = hintOf(wasCut || name === cutOfKafkajs, reason, hasTls)
  return new ConnectionError(
    'MILLRACE_KAFKA_UNREACHABLE',
    `No connection to the broker ${address}: ${reason}${hint}`,
    { cause: error }
  )
}

/** What Node says of a handshake that was cut short; what a first request that was may mean. */
function hintOf(wasCut: boolean, reason: string, hasTls: boolean): string {
  if (hasTls)
    return /before secure TLS connection|wrong version number/i.test(reason) ? plainHint : ''
  return wasCut ? tlsHint : ''
}
