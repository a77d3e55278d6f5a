package io.parley.node.http;

import akka.event.LoggingAdapter;
import akka.http.ParsingErrorHandler;
import akka.http.javadsl.model.HttpResponse;
import akka.http.scaladsl.model.ErrorInfo;
import akka.http.scaladsl.model.StatusCode;
import akka.http.scaladsl.settings.ServerSettings;

/** What is not even HTTP, or too large a head, gets an error object, too. Made by Akka HTTP. */
public final class JsonParsingErrors extends ParsingErrorHandler {
  @Override
  public HttpResponse handle(
      StatusCode status, ErrorInfo info, LoggingAdapter log, ServerSettings settings) {
    log.debug("illegal request: {}", info.summary());
    return Replies.error(
        ApiException.of(status.intValue(), "invalid_http", "The HTTP request is malformed."));
  }
}
