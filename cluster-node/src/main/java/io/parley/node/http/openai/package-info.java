/**
 * The wire formats: reading and writing the JSON of chat completions, responses and conversations.
 *
 * <p>Pure: from JSON to what a session is asked, and from a turn's view to JSON. Nothing here does
 * I/O, and what it refuses it refuses with an {@link io.parley.node.http.ApiException} that names
 * the field.
 */
package io.parley.node.http.openai;
