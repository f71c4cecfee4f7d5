// Encodes packets.json with the npm package mqtt-packet, into mqtt-packet.json.
// With `--check`: decodes our own encodings, polymqtt.json, with mqtt-packet and compares them with its own.
import { readFileSync, writeFileSync } from 'node:fs'
import assert from 'node:assert/strict'
import mqtt from 'mqtt-packet'

// Names that mqtt-packet spells differently than by capitals for underscores.
const names = { maximum_qos: 'maximumQoS', delay_interval: 'willDelayInterval' }
const binary = new Set(['authentication_data', 'correlation_data'])
const camel = name => names[name] ?? name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())

function properties (from = {}) {
  const to = {}
  for (const [name, value] of Object.entries(from)) {
    if (name === 'user_properties') {
      to.userProperties = {}
      for (const [key, text] of value) (to.userProperties[key] ??= []).push(text)
    } else if (name === 'subscription_identifiers') {
      to.subscriptionIdentifier = value
    } else {
      to[camel(name)] = binary.has(name) ? Buffer.from(value, 'hex') : value
    }
  }
  return to
}

const connackReturnCodes = { 0x00: 0, 0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5 }

function translate (version, packet) {
  const it = { cmd: packet.type.toLowerCase(), protocolVersion: version, messageId: packet.packet_id }
  if (packet.properties) it.properties = properties(packet.properties)
  switch (packet.type) {
    case 'CONNECT':
      Object.assign(it, {
        protocolId: 'MQTT', clean: packet.clean_start, keepalive: packet.keep_alive, clientId: packet.client_id,
        username: packet.username
      })
      if (packet.password !== undefined) it.password = Buffer.from(packet.password, 'hex')
      if (packet.will) {
        it.will = { ...packet.will, payload: Buffer.from(packet.will.payload, 'hex'), properties: properties(packet.will.properties) }
      }
      break
    case 'CONNACK':
      it.sessionPresent = packet.session_present
      it.reasonCode = packet.reason_code
      it.returnCode = connackReturnCodes[packet.reason_code]
      break
    case 'PUBLISH':
      Object.assign(it, {
        qos: packet.qos, dup: packet.dup, retain: packet.retain, topic: packet.topic, payload: Buffer.from(packet.payload, 'hex')
      })
      break
    case 'SUBSCRIBE':
      it.subscriptions = packet.filters.map(entry => ({
        topic: entry.filter, qos: entry.qos, nl: entry.no_local, rap: entry.retain_as_published, rh: entry.retain_handling
      }))
      break
    case 'UNSUBSCRIBE':
      it.unsubscriptions = packet.filters
      break
    case 'SUBACK':
    case 'UNSUBACK':
      it.granted = packet.reason_codes
      break
    default:
      it.reasonCode = packet.reason_code
  }
  return it
}

const decode = (version, bytes) => {
  const packets = []
  const parser = mqtt.parser({ protocolVersion: version })
  parser.on('packet', packet => packets.push(packet))
  parser.on('error', error => { throw error })
  parser.parse(bytes)
  assert.equal(packets.length, 1)
  // Encodings may differ in length: a reason code of success can be left out.
  delete packets[0].length
  return JSON.parse(JSON.stringify(packets[0]))
}

const lines = vectors => '[\n' + vectors.map(vector => JSON.stringify(vector)).join(',\n') + '\n]\n'
const here = name => new URL(name, import.meta.url)
const cases = JSON.parse(readFileSync(here('packets.json'), 'utf8'))

if (process.argv[2] === '--check') {
  const ours = JSON.parse(readFileSync(here('polymqtt.json'), 'utf8'))
  assert.equal(ours.length, cases.length)
  for (const [index, { name, version, packet }] of cases.entries()) {
    const theirs = mqtt.generate(translate(version, packet), { protocolVersion: version })
    assert.deepEqual(decode(version, Buffer.from(ours[index].hex, 'hex')), decode(version, theirs), `${name} (${version})`)
  }
  console.log(`${ours.length} packets mean the same to mqtt-packet`)
} else {
  const vectors = cases.map(({ name, version, packet }) => {
    const bytes = mqtt.generate(translate(version, packet), { protocolVersion: version })
    return { name, version, hex: bytes.toString('hex'), packet }
  })
  writeFileSync(here('mqtt-packet.json'), lines(vectors))
  console.log(`${vectors.length} vectors`)
}
