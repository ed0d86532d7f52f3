/** What the completion knows of PromQL itself: functions, aggregations and words between them. */

/** A function: its parameters and what it does. */
export interface FunctionHelp {
  name: string;
  parameters: string;
  text: string;
}

/** Lines of `name|parameters|text`; `v` stands for a vector, `r` for a vector over a range. */
const FUNCTIONS = `
abs|v|absolute value
absent|v|1 if nothing is selected
absent_over_time|r|1 if nothing is selected in the whole range
acos|v|arc cosine
acosh|v|inverse hyperbolic cosine
asin|v|arc sine
asinh|v|inverse hyperbolic sine
atan|v|arc tangent
atanh|v|inverse hyperbolic tangent
avg_over_time|r|mean of the samples in the range
ceil|v|rounded up
changes|r|how often the value changed
clamp|v, min, max|kept between two bounds
clamp_max|v, max|kept below a bound
clamp_min|v, min|kept above a bound
cos|v|cosine
cosh|v|hyperbolic cosine
count_over_time|r|number of samples in the range
day_of_month|v|1 to 31, UTC
day_of_week|v|0 (Sunday) to 6, UTC
day_of_year|v|1 to 366, UTC
days_in_month|v|28 to 31, UTC
deg|v|radians to degrees
delta|r|change of a gauge over the range
deriv|r|slope of a gauge, by linear regression
double_exponential_smoothing|r, sf, tf|smoothed value of a gauge
exp|v|e to the power of the value
first_over_time|r|oldest sample in the range
floor|v|rounded down
histogram_avg|v|mean of native histograms
histogram_count|v|observations in native histograms
histogram_fraction|low, high, v|share of observations between two bounds
histogram_quantile|φ, v|quantile of buckets or native histograms
histogram_quantiles|v, label, φ…|several quantiles at once
histogram_stddev|v|standard deviation of native histograms
histogram_stdvar|v|variance of native histograms
histogram_sum|v|sum of observations in native histograms
hour|v|0 to 23, UTC
idelta|r|change between the last two samples
increase|r|growth of a counter over the range
info|v, selector|adds labels of info series
irate|r|growth per second between the last two samples
label_join|v, dst, sep, src…|joins labels into one
label_replace|v, dst, replacement, src, regex|sets a label from another by regex
last_over_time|r|newest sample in the range
ln|v|natural logarithm
log10|v|decimal logarithm
log2|v|binary logarithm
mad_over_time|r|median absolute deviation in the range
max_over_time|r|largest sample in the range
min_over_time|r|smallest sample in the range
minute|v|0 to 59, UTC
month|v|1 to 12, UTC
pi||3.14159…
predict_linear|r, t|value in t seconds, by linear regression
present_over_time|r|1 where there was any sample
quantile_over_time|φ, r|quantile of the samples in the range
rad|v|degrees to radians
rate|r|growth of a counter per second
resets|r|how often a counter started again
round|v, to|rounded to a multiple
scalar|v|the value of a single series
sgn|v|sign: -1, 0 or 1
sin|v|sine
sinh|v|hyperbolic sine
sort|v|ascending by value
sort_by_label|v, label…|ascending by labels
sort_by_label_desc|v, label…|descending by labels
sort_desc|v|descending by value
sqrt|v|square root
stddev_over_time|r|standard deviation in the range
stdvar_over_time|r|variance in the range
sum_over_time|r|sum of the samples in the range
tan|v|tangent
tanh|v|hyperbolic tangent
time||seconds since 1970 at the evaluation
timestamp|v|time of each sample
ts_of_first_over_time|r|time of the oldest sample
ts_of_last_over_time|r|time of the newest sample
ts_of_max_over_time|r|time of the largest sample
ts_of_min_over_time|r|time of the smallest sample
vector|s|a number as a series without labels
year|v|year, UTC
`;

const AGGREGATIONS = `
avg|v|mean by group
bottomk|k, v|the k smallest by group
count|v|number of series by group
count_values|label, v|series by value
group|v|1 for each group
limit_ratio|ratio, v|a share of the series
limitk|k, v|any k series by group
max|v|largest by group
min|v|smallest by group
quantile|φ, v|quantile by group
stddev|v|standard deviation by group
stdvar|v|variance by group
sum|v|sum by group
topk|k, v|the k largest by group
`;

function parse(lines: string): FunctionHelp[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', parameters = '', text = ''] = line.split('|');
      return { name, parameters, text };
    });
}

/** All functions, by name. */
export const functions: FunctionHelp[] = parse(FUNCTIONS);

/** All aggregations, by name. */
export const aggregations: FunctionHelp[] = parse(AGGREGATIONS);

/** Words that modify an operator, an aggregation or a selector. */
export const keywords = [
  'and',
  'atan2',
  'bool',
  'by',
  'group_left',
  'group_right',
  'ignoring',
  'offset',
  'on',
  'or',
  'unless',
  'without',
];

/** Durations worth offering after an opening bracket. */
export const durations = ['1m', '5m', '15m', '30m', '1h', '6h', '1d', '7d'];
