// SPDX-License-Identifier: Apache-2.0
// Runs ONNX models with ONNX Runtime on the CPU.
// usage: node run_models.js JOBS.json
// JOBS.json: a list of {model, input: {name, type, dims, file}, outputs: {NAME: FILE}, batch}. Files
// hold plain little-endian numbers; a model gets `batch` images at a time (all where it is absent).
'use strict';

const fs = require('fs');
const ort = require('onnxruntime-node');

const TYPES = { float32: Float32Array, uint8: Uint8Array };

// With 8-bit weights, CPUs without VNNI add pairs of products in 16 bits, which saturate. This
// option forbids that, so that results are the same on every CPU.
const OPTIONS = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
  extra: { session: { x64quantprecision: '1' } },
};

async function run(job) {
  const session = await ort.InferenceSession.create(job.model, OPTIONS);
  const bytes = fs.readFileSync(job.input.file);
  const all = new TYPES[job.input.type](
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const [count, ...dims] = job.input.dims;
  const size = all.length / count;
  const parts = {};
  for (const name of Object.keys(job.outputs)) parts[name] = [];
  const step = job.batch || count;
  for (let begin = 0; begin < count; begin += step) {
    const end = Math.min(begin + step, count);
    const values = all.subarray(begin * size, end * size);
    const tensor = new ort.Tensor(job.input.type, values, [end - begin, ...dims]);
    const results = await session.run({ [job.input.name]: tensor }, Object.keys(job.outputs));
    for (const name of Object.keys(job.outputs)) {
      const data = results[name].data;
      parts[name].push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  for (const [name, file] of Object.entries(job.outputs))
    fs.writeFileSync(file, Buffer.concat(parts[name]));
}

async function main() {
  for (const job of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) await run(job);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
