package io.parley.node.http;

import akka.event.LoggingAdapter;
import akka.http.ParsingErrorHandler;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.headers.RawHeader;
import akka.http.scaladsl.model.ErrorInfo;
import akka.http.scaladsl.model.StatusCode;
import akka.http.scaladsl.settings.ServerSettings;

/** What is not even HTTP, or too large a head, gets an error object, too. Made by Akka HTTP. */
public final class JsonParsingErrors extends ParsingErrorHandler {
  @Override
  public HttpResponse handle(
      StatusCode status, ErrorInfo info, LoggingAdapter log, ServerSettings settings) {
    log.debug("illegal request: {}", info.summary());
    // a method that HTTP does not know, or a body where it knows none (TRACE)
    boolean method =
        status.intValue() == 422 || info.summary().startsWith("Unsupported HTTP method");
    if (method) {
      return Replies.error(
              ApiException.of(405, "method_not_allowed", "Allowed: " + Router.METHODS + "."))
          .addHeader(RawHeader.create("Allow", Router.METHODS));
    }
    return Replies.error(
        ApiException.of(status.intValue(), "invalid_http", "The HTTP request is malformed."));
  }
}
