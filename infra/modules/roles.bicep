metadata description = 'What Vizsla\'s identity may do in Azure: each right on one resource, with its reason. docs/security.md lists them.'

param principalId string
param storageName string
param vaultName string
param insightsName string
param ruleName string
param writesLogs bool
param vaultWriter string

// Azure's built-in roles have the same ids in every tenant.
var ids = {
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6'
  'Key Vault Secrets Officer': 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource rule 'Microsoft.Insights/dataCollectionRules@2023-03-11' existing = if (writesLogs) {
  name: ruleName
}

resource blobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, principalId, ids['Storage Blob Data Owner'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Storage Blob Data Owner'])
    description: 'The Functions host keeps the app\'s package, its timers\' locks and its keys in blobs.'
  }
}

resource queues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, principalId, ids['Storage Queue Data Contributor'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Storage Queue Data Contributor'])
    description: 'Runs wait in a queue; those that are throttled are put back.'
  }
}

resource tables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, principalId, ids['Storage Table Data Contributor'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Storage Table Data Contributor'])
    description: 'What is remembered between runs is kept in a table.'
  }
}

resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, principalId, ids['Monitoring Metrics Publisher'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Monitoring Metrics Publisher'])
    description: 'Spans, metrics and log lines are sent with a token.'
  }
}

resource findings 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (writesLogs) {
  scope: rule
  name: guid(rule.id, principalId, ids['Monitoring Metrics Publisher'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Monitoring Metrics Publisher'])
    description: 'The sink log_analytics writes findings through the rule.'
  }
}

resource secrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, ids['Key Vault Secrets User'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Key Vault Secrets User'])
    description: 'Settings that are secrets are read from the vault.'
  }
}

resource writer 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(vaultWriter)) {
  scope: vault
  name: guid(vault.id, vaultWriter, ids['Key Vault Secrets Officer'])
  properties: {
    principalId: vaultWriter
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Key Vault Secrets Officer'])
    description: 'Who deploys puts the secrets into the vault.'
  }
}
