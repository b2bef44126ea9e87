metadata description = 'What wakes somebody: six rules over what the app tells of itself. docs/operate.md says for each what to do.'

param location string
param tags object
param workspaceId string

@description('What the names of the rules begin with.')
param prefix string

@description('The id of the action group that is told; the rules only show in the portal when left empty.')
param actionGroupId string = ''

// `period` is how far the query looks back: events come late, and an alert stays while they are in it.
var rules = {
  overdue: {
    title: 'hunt overdue'
    says: 'A hunt has judged nothing newer than an hour ago, or none ran for two days.'
    runBook: 'docs/operate.md#hunt-overdue'
    query: loadTextContent('../alerts/overdue.kql')
    severity: 1
    every: 'PT15M'
    period: 'P2D'
    by: ['Hunt']
  }
  failing: {
    title: 'runs failing'
    says: 'Three runs of a hunt failed since one last succeeded.'
    runBook: 'docs/operate.md#runs-failing'
    query: loadTextContent('../alerts/failing.kql')
    severity: 2
    every: 'PT15M'
    period: 'PT4H'
    by: ['Hunt', 'Kind']
  }
  poison: {
    title: 'poison message'
    says: 'A window, or a message, was given up: nobody will judge it unless somebody does so by hand.'
    runBook: 'docs/operate.md#poison-message'
    query: loadTextContent('../alerts/poison.kql')
    severity: 2
    every: 'PT15M'
    period: 'PT1H'
    by: ['Hunt']
  }
  stale: {
    title: 'no fresh data'
    says: 'Runs succeed, and the newest event of the tenant is older than a day.'
    runBook: 'docs/operate.md#no-fresh-data'
    query: loadTextContent('../alerts/stale.kql')
    severity: 1
    every: 'PT1H'
    period: 'P2D'
    by: ['Tenant']
  }
  throttled: {
    title: 'throttled for an hour'
    says: 'Every run of a hunt was put off for an hour: the tenant\'s quota, or our share of it, is used up.'
    runBook: 'docs/operate.md#throttled-for-an-hour'
    query: loadTextContent('../alerts/throttled.kql')
    severity: 2
    every: 'PT15M'
    period: 'P1D'
    by: ['Hunt']
  }
  deadLetter: {
    title: 'sink dead letters'
    says: 'A sink could not be told of findings for a day, and will not be told any more.'
    runBook: 'docs/operate.md#sink-dead-letters'
    query: loadTextContent('../alerts/dead_letter.kql')
    severity: 1
    every: 'PT15M'
    period: 'PT1H'
    by: ['Sink']
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in items(rules): {
    name: '${prefix}-${rule.key}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Vizsla: ${rule.value.title}'
      description: '${rule.value.says} What to do: ${rule.value.runBook}'
      severity: rule.value.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: rule.value.every
      windowSize: rule.value.period
      autoMitigate: true
      // A new workspace has no such tables before the first telemetry.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.value.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: [for name in rule.value.by: { name: name, operator: 'Include', values: ['*'] }]
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: empty(actionGroupId) ? [] : [actionGroupId]
        customProperties: {
          runBook: rule.value.runBook
        }
      }
    }
  }
]
