/**
 * What clients of an HTTP server share: reading a streamed answer over a connection that may die
 * without a word. Used by the command line's chat and its benchmark; it knows no path and no body.
 */
package io.parley.node.client;
