/**
 * The worker of a text encoder: it takes requests of the HTTP edges, queues them within a bound,
 * tokenizes, and computes them in batches across requests and tenants. It is no part of any
 * session: nothing is journaled, and nothing here survives a crash; who hears nothing asks again.
 */
package io.parley.workers.embedding;
