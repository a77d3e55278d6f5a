package io.parley.workers.text;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.el.JinjavaProcessors;
import com.hubspot.jinjava.interpret.Context.Library;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.lib.filter.FilterLibrary;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.lib.fn.FunctionLibrary;
import com.hubspot.jinjava.loader.ResourceNotFoundException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jinjava.javax.el.CompositeELResolver;

/**
 * Renders a chat template with Jinjava, set up to behave as the Hugging Face library does. A
 * template comes with a model file from anywhere, so it gets a {@link RenderBudget}, no file and no
 * resource, and of Jinjava's filters and functions only those that such templates use. Thread-safe.
 */
final class TemplateRenderer {
  static final int LIST_MAX = 100_000;

  /** Others (format, center, indent, fromyaml, ...) give what no look at the budget bounds. */
  private static final Set<String> FILTERS =
      Set.of(
          "abs",
          "capitalize",
          "count",
          "d",
          "default",
          "dictsort",
          "e",
          "escape",
          "first",
          "float",
          "int",
          "join",
          "last",
          "length",
          "list",
          "lower",
          "map",
          "reject",
          "rejectattr",
          "replace",
          "reverse",
          "round",
          "safe",
          "select",
          "selectattr",
          "sort",
          "string",
          "sum",
          "title",
          "tojson",
          "trim",
          "unique",
          "upper");

  private static final Set<String> FUNCTIONS = Set.of(":namespace", ":range");

  /** What the template asked to raise, in the thread that renders. */
  private static final ThreadLocal<String> RAISED = new ThreadLocal<>();

  private static final ThreadLocal<Instant> NOW = new ThreadLocal<>();

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
  private final Jinjava jinjava;

  /**
   * A renderer.
   *
   * @param constants what the template finds besides the messages
   */
  TemplateRenderer(String template, Map<String, Object> constants) {
    this.template = adapted(template);
    this.constants = constants;
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
                .withProcessors(
                    JinjavaProcessors.newBuilder()
                        .withNodePreProcessor((node, interpreter) -> RenderBudget.step())
                        .build())
                .withDisabled(
                    Map.of(
                        Library.FILTER,
                        others(
                            FILTERS, new FilterLibrary(true, Set.of()).entries(), Filter::getName),
                        Library.FUNCTION,
                        others(
                            FUNCTIONS,
                            new FunctionLibrary(true, Set.of()).entries(),
                            ELFunctionDefinition::getName)))
                .withMaxOutputSize(RenderBudget.TEXT_CHARS_MAX)
                .withMaxStringLength(RenderBudget.TEXT_CHARS_MAX)
                .withMaxListSize(LIST_MAX)
                .withMaxMapSize(LIST_MAX)
                .withMaxRenderDepth(20)
                .withMaxMacroRecursionDepth(20)
                .build());
    jinjava.setResourceLocator(
        (name, charset, interpreter) -> {
          throw new ResourceNotFoundException("a chat template reads no other");
        });
    jinjava.registerFilter(new BoundedReplace());
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

  private static <T> Set<String> others(
      Set<String> allowed, Collection<T> all, Function<T, String> name) {
    return all.stream()
        .map(name)
        .filter(one -> !allowed.contains(one))
        .collect(Collectors.toUnmodifiableSet());
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
   * Renders with an assistant's turn begun at the end, in the caller's thread.
   *
   * @param tools descriptions of tools; without any the template finds none
   * @param now what the template takes for now, in UTC
   * @throws ChatTemplateException when the template refuses the messages, fails or runs away
   */
  String render(List<Map<String, Object>> messages, List<Map<String, Object>> tools, Instant now) {
    Map<String, Object> bindings = new HashMap<>(constants);
    if (!tools.isEmpty()) {
      bindings.put("tools", tools);
    }
    bindings.put("messages", messages);
    bindings.put("add_generation_prompt", true);
    bindings.put("strftime_now", true); // for templates that ask whether it is defined
    RAISED.remove();
    NOW.set(now);
    RenderBudget.begin();
    RenderResult result;
    try {
      result = jinjava.renderForResult(template, bindings);
    } catch (RenderBudget.Exceeded e) {
      throw new ChatTemplateException("the chat template ran away: " + e.getMessage());
    } catch (RuntimeException | StackOverflowError e) {
      refuseIfRaised();
      throw new ChatTemplateException("the chat template failed: " + oneLine(e));
    } finally {
      RenderBudget.end();
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
    ZonedDateTime now = NOW.get().atZone(ZoneOffset.UTC);
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

  /** Jinjava's own makes a text of any length. */
  private static final class BoundedReplace implements Filter {
    @Override
    public String getName() {
      return "replace";
    }

    @Override
    public Object filter(Object text, JinjavaInterpreter interpreter, String... args) {
      return text == null
          ? null
          : PythonMethods.replace(
              text.toString(),
              args[0],
              args[1],
              args.length > 2 ? Integer.parseInt(args[2]) : Integer.MAX_VALUE);
    }
  }
}
