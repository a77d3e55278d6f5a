/**
 * The worker of a text encoder: it pulls requests of the HTTP edges from their dispatchers,
 * tokenizes, and computes them in batches across requests and tenants. It is no part of any
 * session: nothing is journaled, and nothing here survives a crash; a dispatcher that hears of its
 * death has another worker compute what it held.
 */
package io.parley.workers.embedding;
