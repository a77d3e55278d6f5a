/**
 * The HTTP edge: what OpenAI clients speak, Parley's own session routes, health and the OpenAPI
 * document.
 *
 * <p>It turns requests into {@code SessionCommand}s (through {@link
 * io.parley.node.http.SessionGateway}) and journaled tokens into JSON or server-sent events. It
 * keeps nothing: a stream is a loop of reads from an index on, so after a crash any node goes on
 * from the last event id. It does no inference, no queueing and no storing.
 */
package io.parley.node.http;
