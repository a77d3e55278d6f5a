package io.parley.workers.text;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jinjava.javax.el.CompositeELResolver;

/**
 * Renders a chat template with Jinjava, set up to behave as the Hugging Face library does. Bounded
 * in output and time: a template that runs away is not rendered again. Thread-safe.
 */
final class TemplateRenderer {
  private static final long RENDER_SECONDS_MAX = 20;
  private static final long OUTPUT_CHARS_MAX = 64L << 20;
  private static final int LIST_MAX = 100_000;

  /** What the template asked to raise, in the thread that renders. */
  private static final ThreadLocal<String> RAISED = new ThreadLocal<>();

  private static final ThreadLocal<Clock> CLOCK = new ThreadLocal<>();

  private static final Pattern NAMESPACE = Pattern.compile("namespace\\([^()]{0,2000}\\)");
  private static final Pattern ARITHMETIC =
      Pattern.compile("(\\w+)\\s*=\\s*([^,()='\"]+ [-+*/] [^,()='\"]+)(?=[,)])");

  /** Where Jinjava differs from Jinja unless told. */
  private static final LegacyOverrides LIKE_PYTHON =
      LegacyOverrides.newBuilder()
          .withEvaluateMapKeys(true)
          .withIterateOverMapKeys(true)
          .withUsePyishObjectMapper(true)
          .withUseNaturalOperatorPrecedence(true)
          .withParseWhitespaceControlStrictly(true)
          .withAllowAdjacentTextNodes(true)
          .withUseTrimmingForNotesAndExpressions(true)
          .withKeepNullableLoopValues(true)
          .withHandleBackslashInQuotesOnly(true)
          .build();

  private final String template;
  private final Map<String, Object> constants;
  private final Clock clock;
  private final Jinjava jinjava;
  private volatile boolean ranAway;

  /**
   * A renderer.
   *
   * @param constants what the template finds besides the messages
   */
  TemplateRenderer(String template, Map<String, Object> constants, Clock clock) {
    this.template = adapted(template);
    this.constants = constants;
    this.clock = clock;
    CompositeELResolver resolver = new CompositeELResolver();
    resolver.add(new PythonMethods());
    resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
    this.jinjava =
        new Jinjava(
            JinjavaConfig.newBuilder()
                .withLegacyOverrides(LIKE_PYTHON)
                .withTrimBlocks(true)
                .withLstripBlocks(true)
                // it would cut the output; Jinja cuts the template
                .withKeepTrailingNewline(true)
                // what a message says is never a template
                .withNestedInterpretationEnabled(false)
                .withElResolver(resolver)
                .withMaxOutputSize(OUTPUT_CHARS_MAX)
                .withMaxStringLength(OUTPUT_CHARS_MAX)
                .withMaxListSize(LIST_MAX)
                .withMaxMapSize(LIST_MAX)
                .withMaxRenderDepth(20)
                .withMaxMacroRecursionDepth(20)
                .build());
    jinjava
        .getGlobalContext()
        .registerFunction(
            new ELFunctionDefinition(
                "", "raise_exception", TemplateRenderer.class, "raiseException", String.class));
    jinjava
        .getGlobalContext()
        .registerFunction(
            new ELFunctionDefinition(
                "", "strftime_now", TemplateRenderer.class, "strftimeNow", String.class));
  }

  /** The template without the last line's end, and without what Jinjava reads in another way. */
  private static String adapted(String template) {
    String source =
        template
            .replaceFirst("\\R\\z", "")
            // it takes not a is defined for (not a) is defined
            .replaceAll("\\bnot (\\w+) is defined\\b", "$1 is not defined")
            .replace("[::-1]", "|reverse");
    // it takes namespace(n=a - 1) for namespace((n=a) - 1)
    return NAMESPACE
        .matcher(source)
        .replaceAll(
            call ->
                Matcher.quoteReplacement(ARITHMETIC.matcher(call.group()).replaceAll("$1=($2)")));
  }

  /**
   * Renders with an assistant's turn begun at the end.
   *
   * @throws ChatTemplateException when the template refuses the messages, fails or runs away
   */
  String render(List<Map<String, Object>> messages) {
    if (ranAway) {
      throw new ChatTemplateException("the chat template ran away and is not used any more");
    }
    FutureTask<String> task = new FutureTask<>(() -> renderHere(messages));
    Thread thread = new Thread(task, "chat-template");
    thread.setDaemon(true);
    thread.start();
    try {
      return task.get(RENDER_SECONDS_MAX, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      ranAway = true;
      thread.interrupt();
      throw new ChatTemplateException(
          "the chat template took more than " + RENDER_SECONDS_MAX + " s");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      thread.interrupt();
      throw new ChatTemplateException("interrupted while the chat template was rendered");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ChatTemplateException refused) {
        throw refused;
      }
      throw new ChatTemplateException("the chat template failed: " + oneLine(e.getCause()));
    }
  }

  private String renderHere(List<Map<String, Object>> messages) {
    Map<String, Object> bindings = new HashMap<>(constants);
    bindings.put("messages", messages);
    bindings.put("add_generation_prompt", true);
    bindings.put("strftime_now", true); // for templates that ask whether it is defined
    RAISED.remove();
    CLOCK.set(clock);
    RenderResult result;
    try {
      result = jinjava.renderForResult(template, bindings);
    } catch (RuntimeException | StackOverflowError e) {
      refuseIfRaised();
      throw new ChatTemplateException("the chat template failed: " + oneLine(e));
    }
    refuseIfRaised();
    for (TemplateError error : result.getErrors()) {
      if (error.getSeverity() == TemplateError.ErrorType.FATAL) {
        throw new ChatTemplateException(
            "the chat template failed: " + firstLine(error.getMessage()));
      }
    }
    return result.getOutput();
  }

  private static void refuseIfRaised() {
    String raised = RAISED.get();
    if (raised != null) {
      throw new ChatTemplateException("the chat template refuses: " + firstLine(raised));
    }
  }

  private static String oneLine(Throwable e) {
    return e.getClass().getSimpleName() + ": " + firstLine(e.getMessage());
  }

  private static String firstLine(String text) {
    return text == null ? "" : text.lines().findFirst().orElse("");
  }

  /** For templates: {@code raise_exception('...')}. */
  public static String raiseException(String message) {
    RAISED.set(message == null ? "" : message);
    throw new ChatTemplateException(message);
  }

  /** For templates: {@code strftime_now('%d %b %Y')}. */
  public static String strftimeNow(String format) {
    ZonedDateTime now = ZonedDateTime.now(CLOCK.get());
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        out.append(c);
        continue;
      }
      String pattern =
          switch (format.charAt(++i)) {
            case 'd' -> "dd";
            case 'm' -> "MM";
            case 'b' -> "MMM";
            case 'B' -> "MMMM";
            case 'y' -> "yy";
            case 'Y' -> "yyyy";
            case 'H' -> "HH";
            case 'M' -> "mm";
            case 'S' -> "ss";
            case 'a' -> "EEE";
            case 'A' -> "EEEE";
            default -> "";
          };
      if (!pattern.isEmpty()) {
        out.append(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(now));
      }
    }
    return out.toString();
  }
}
