/** A real broker behind TLS that lets one user in, by any mechanism, and asks again and again. */
import type { SaslOptions } from '../../src/kafka/link-options.ts'
import type { Certificate } from './certificates.ts'
import { type RunningBroker, startBroker } from './kafka-broker.ts'

const modules = 'org.apache.kafka.common.security'

export const alice = { username: 'alice', password: 'wonder-4711' } as const
export const mechanisms: readonly SaslOptions['mechanism'][] = [
  'plain',
  'scram-sha-256',
  'scram-sha-512',
]

export async function startSecureBroker(certificate: Certificate): Promise<RunningBroker> {
  const { store, password } = certificate
  const scram = `${modules}.scram.ScramLoginModule required;`
  const plain = `${modules}.plain.PlainLoginModule required`
  const users = `user_alice="${alice.password}" username="broker" password="${password}"`
  const scramUser = `[name=alice,password=${alice.password}]`
  return await startBroker({
    secureListener: 'SASL_SSL',
    scramUsers: ['256', '512'].map((bits) => `SCRAM-SHA-${bits}=${scramUser}`),
    properties: {
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.location': store,
      'ssl.keystore.password': password,
      'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.secure.plain.sasl.jaas.config': `${plain} ${users};`,
      'listener.name.secure.scram-sha-256.sasl.jaas.config': scram,
      'listener.name.secure.scram-sha-512.sasl.jaas.config': scram,
      // Whoever has not logged in anew by then is cut off. The client begins ten seconds before:
      // here, as often as a broker lets it.
      'connections.max.reauth.ms': '10500',
    },
  })
}
